// SPDX-License-Identifier: GPL-2.0
/* privpipe.ko through its ioctls. */
#include "pipe/private.hh"

#include <sys/ioctl.h>

namespace {

class ModuleBackend final : public PrivateBackend {
public:
	ModuleBackend() : PrivateBackend(module_expectations) {}

	Result command(int fd, unsigned cmd, void *arg) override
	{
		return result_of(ioctl(fd, cmd, arg));
	}
};

[[maybe_unused]] const bool registered = register_backend(
	"module", []() -> std::unique_ptr<Backend> { return std::make_unique<ModuleBackend>(); });

} // namespace
