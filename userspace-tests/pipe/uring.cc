// SPDX-License-Identifier: GPL-2.0
/* privpipe.ko through io_uring: every command, read and write is one request, waited for. */
#include "pipe/private.hh"
#include "support/ring.hh"

#include <cstddef>
#include <cstring>

namespace {

class UringBackend final : public PrivateBackend {
public:
	UringBackend() : PrivateBackend(uring_expectations) {}

	Result command(int fd, unsigned cmd, void *arg) override
	{
		return Ring::of_this_thread().run([&](io_uring_sqe *sqe) {
			const privpipe_uring_cmd payload = {.arg = abi_address(arg)};

			io_uring_prep_rw(IORING_OP_URING_CMD, sqe, fd, nullptr, 0, cmd);
			memcpy(reinterpret_cast<char *>(sqe) + offsetof(io_uring_sqe, cmd),
			       &payload, sizeof(payload));
		});
	}

	Result read(int fd, void *buf, size_t len) override
	{
		return Ring::of_this_thread().read(fd, buf, len);
	}

	Result write(int fd, const void *buf, size_t len) override
	{
		return Ring::of_this_thread().write(fd, buf, len);
	}
};

[[maybe_unused]] const bool registered = register_backend(
	"uring", []() -> std::unique_ptr<Backend> { return std::make_unique<UringBackend>(); });

} // namespace
