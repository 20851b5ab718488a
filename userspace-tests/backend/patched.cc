// SPDX-License-Identifier: GPL-2.0
/* The kernel's own pipes on a kernel built with patches/private: its own calls, private pages. */
#include "backend/backend.hh"

namespace {

class PatchedBackend final : public SyscallBackend {
public:
	PatchedBackend() : SyscallBackend(patched_expectations) {}

	const Parameters &parameters() const override
	{
		static const Parameters files = [this] {
			Parameters stock = SyscallBackend::parameters();

			stock.policy = "/proc/sys/fs/splice-take";
			return stock;
		}();

		return files;
	}
};

[[maybe_unused]] const bool registered = register_backend(
	"patched", []() -> std::unique_ptr<Backend> { return std::make_unique<PatchedBackend>(); });

} // namespace
