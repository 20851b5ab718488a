// SPDX-License-Identifier: GPL-2.0
/* The calls of a patched kernel through io_uring, as far as that has them. */
#include "pipe/backend.hh"
#include "support/ring.hh"

#include <sys/uio.h>
#include <unistd.h>

#include <climits>

namespace {

/* An offset as the kernel reads and writes it: through a pointer that may lead nowhere. */
bool fetch(off64_t *offset, off64_t *value)
{
	iovec here = {value, sizeof(*value)}, there = {offset, sizeof(*offset)};

	return process_vm_readv(getpid(), &here, 1, &there, 1, 0) == sizeof(*value);
}

bool store(off64_t *offset, off64_t value)
{
	iovec here = {&value, sizeof(value)}, there = {offset, sizeof(*offset)};

	return process_vm_writev(getpid(), &here, 1, &there, 1, 0) == sizeof(value);
}

class PatchedUringBackend final : public SyscallBackend {
public:
	using SyscallBackend::SyscallBackend;

	/* Calls that move nothing and calls with bad pointers go to the system call. */
	Result splice(int in, off64_t *off_in, int out, off64_t *off_out, size_t len,
		      unsigned flags) override
	{
		off64_t from = -1, to = -1;

		if (!len || len > UINT_MAX || flags & ~all_flags ||
		    (off_in && (!fetch(off_in, &from) || from < 0)) ||
		    (off_out && (!fetch(off_out, &to) || to < 0)))
			return SyscallBackend::splice(in, off_in, out, off_out, len, flags);

		Result result = answer(Ring::of_this_thread().run([&](io_uring_sqe *sqe) {
			io_uring_prep_splice(sqe, in, from, out, to, static_cast<unsigned>(len),
					     flags);
		}));
		auto moved = static_cast<off64_t>(result.bytes());

		if (result.ok() && ((off_in && !store(off_in, from + moved)) ||
				    (off_out && !store(off_out, to + moved))))
			return failed(EFAULT);
		return result;
	}

	Result tee(int in, int out, size_t len, unsigned flags) override
	{
		if (!len || len > UINT_MAX || flags & ~all_flags)
			return SyscallBackend::tee(in, out, len, flags);
		return answer(Ring::of_this_thread().run([&](io_uring_sqe *sqe) {
			io_uring_prep_tee(sqe, in, out, static_cast<unsigned>(len), flags);
		}));
	}

	Result read(int fd, void *buf, size_t len) override
	{
		return answer(Ring::of_this_thread().read(fd, buf, len));
	}

	Result write(int fd, const void *buf, size_t len) override
	{
		return answer(Ring::of_this_thread().write(fd, buf, len));
	}

private:
	static constexpr unsigned all_flags =
		SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT;

	/* A worker that is told to give up says so in the kernel's own words. */
	static Result answer(Result result)
	{
		constexpr int restart = 512; /* ERESTARTSYS */

		return result == failed(restart) ? failed(EINTR) : result;
	}
};

template <const Expectations &expectations>
std::unique_ptr<Backend> make()
{
	static constexpr Expectations waited_for = by_a_worker(expectations);

	return std::make_unique<PatchedUringBackend>(waited_for);
}

[[maybe_unused]] const bool registered =
	register_backend("private-uring", make<private_expectations>) &&
	register_backend("steal-uring", make<taking_expectations>) &&
	register_backend("radical-uring", make<radical_expectations>);

} // namespace
