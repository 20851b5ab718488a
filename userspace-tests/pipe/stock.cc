// SPDX-License-Identifier: GPL-2.0
/* The kernel's own pipes through the kernel's own calls. */
#include "pipe/backend.hh"

#include "support/fd.hh"

#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <unistd.h>

const Parameters &SyscallBackend::parameters() const
{
	static const Parameters files = {
		.max_size = "/proc/sys/fs/pipe-max-size",
		.user_soft = "/proc/sys/fs/pipe-user-pages-soft",
		.user_hard = "/proc/sys/fs/pipe-user-pages-hard",
		.policy = "",
	};

	return files;
}

Result SyscallBackend::create(std::array<int, 2> &ends, int flags, unsigned capacity)
{
	Result made = result_of(pipe2(ends.data(), flags));

	if (!made.ok() || !capacity)
		return made;

	Result sized = resize(ends[1], capacity);

	if (sized.ok())
		return made;
	close(ends[0]);
	close(ends[1]);
	return sized;
}

Result SyscallBackend::splice(int in, off64_t *off_in, int out, off64_t *off_out, size_t len,
			      unsigned flags)
{
	return result_of(::splice(in, off_in, out, off_out, len, flags));
}

Result SyscallBackend::vmsplice(int fd, const iovec *iov, size_t nr_segs, unsigned flags)
{
	return result_of(::vmsplice(fd, iov, nr_segs, flags));
}

Result SyscallBackend::tee(int in, int out, size_t len, unsigned flags)
{
	return result_of(::tee(in, out, len, flags));
}

Result SyscallBackend::sendfile(int out, int in, off64_t *off, size_t count)
{
	return result_of(::sendfile64(out, in, off, count));
}

Result SyscallBackend::resize(int fd, unsigned capacity)
{
	return result_of(fcntl(fd, F_SETPIPE_SZ, capacity));
}

Result SyscallBackend::capacity(int fd)
{
	return result_of(fcntl(fd, F_GETPIPE_SZ));
}

void *SyscallBackend::map_gift(size_t len)
{
	return checked(
		mmap(nullptr, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		"mmap of gift memory");
}

namespace {

template <const Expectations &expectations>
std::unique_ptr<Backend> make()
{
	return std::make_unique<SyscallBackend>(expectations);
}

/* The series in patches/ have their names there. */
[[maybe_unused]] const bool registered =
	register_backend("stock", make<stock_expectations>) &&
	register_backend("hardened", make<hardened_expectations>) &&
	register_backend("private", make<private_expectations>) &&
	register_backend("steal", make<taking_expectations>) &&
	register_backend("radical", make<radical_expectations>);

} // namespace
