// SPDX-License-Identifier: GPL-2.0
#include "pipe/private.hh"

#include <sys/ioctl.h>
#include <sys/mman.h>

#include <stdexcept>

PrivateBackend::PrivateBackend(const Expectations &expectations)
	: expect_(expectations),
	  device_(open("/dev/privpipe", O_RDWR | O_CLOEXEC), "open /dev/privpipe")
{
	privpipe_create args = {.size = sizeof(args), .flags = O_CLOEXEC};
	struct stat status;

	/* By ioctl, also for a subclass: its command() does not exist yet. */
	checked(ioctl(device_.get(), PRIVPIPE_CREATE, &args), "PRIVPIPE_CREATE");
	bystander_ = Fd(args.read_fd);
	close(args.write_fd);
	checked(fstat(bystander_.get(), &status), "fstat of a private pipe");
	end_device_ = status.st_dev;
}

const Parameters &PrivateBackend::parameters() const
{
	static const std::string folder = "/sys/module/privpipe/parameters/";
	static const Parameters files = {
		.max_size = folder + "max_size",
		.user_soft = folder + "user_pages_soft",
		.user_hard = folder + "user_pages_hard",
		.policy = folder + "policy",
	};

	return files;
}

bool PrivateBackend::is_private_end(int fd) const
{
	struct stat status;

	return fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode) && status.st_dev == end_device_;
}

/* An ioctl has to be made on a private end; where a call names none, a third pipe carries it. */
int PrivateBackend::carrier(int in, int out)
{
	if (is_private_end(in))
		return in;
	return is_private_end(out) ? out : bystander_.get();
}

Result PrivateBackend::create(std::array<int, 2> &ends, int flags, unsigned capacity)
{
	privpipe_create args = {
		.size = sizeof(args),
		.flags = static_cast<__u32>(flags),
		.capacity = capacity,
	};
	Result result = command(device_.get(), PRIVPIPE_CREATE, &args);

	if (result.ok())
		ends = {args.read_fd, args.write_fd};
	return result;
}

Result PrivateBackend::splice(int in, off64_t *off_in, int out, off64_t *off_out, size_t len,
			      unsigned flags)
{
	privpipe_splice args = {
		.size = sizeof(args),
		.flags = flags,
		.fd_in = in,
		.fd_out = out,
		.off_in = abi_address(off_in),
		.off_out = abi_address(off_out),
		.len = len,
	};

	return command(carrier(in, out), PRIVPIPE_SPLICE, &args);
}

Result PrivateBackend::vmsplice(int fd, const iovec *iov, size_t nr_segs, unsigned flags)
{
	privpipe_vmsplice args = {
		.size = sizeof(args),
		.flags = flags,
		.iov = abi_address(iov),
		.nr_segs = nr_segs,
	};

	return command(fd, PRIVPIPE_VMSPLICE, &args);
}

Result PrivateBackend::tee(int in, int out, size_t len, unsigned flags)
{
	privpipe_tee args = {
		.size = sizeof(args),
		.flags = flags,
		.fd_in = in,
		.fd_out = out,
		.len = len,
	};

	return command(carrier(in, out), PRIVPIPE_TEE, &args);
}

Result PrivateBackend::sendfile(int out, int in, off64_t *off, size_t count)
{
	privpipe_sendfile args = {
		.size = sizeof(args),
		.fd_in = in,
		.fd_out = out,
		.off = abi_address(off),
		.count = count,
	};

	return command(device_.get(), PRIVPIPE_SENDFILE, &args);
}

Result PrivateBackend::resize(int fd, unsigned capacity)
{
	privpipe_resize args = {.size = sizeof(args), .capacity = capacity};

	return command(fd, PRIVPIPE_RESIZE, &args);
}

Result PrivateBackend::capacity(int fd)
{
	privpipe_query args = {.size = sizeof(args)};
	Result result = command(fd, PRIVPIPE_QUERY, &args);

	return result.ok() ? moved(args.capacity) : result;
}

void *PrivateBackend::map_gift(size_t len)
{
	privpipe_arena args = {.size = sizeof(args), .flags = O_CLOEXEC, .length = len};
	Result made = command(device_.get(), PRIVPIPE_ARENA, &args);

	if (!made.ok())
		throw_errno("PRIVPIPE_ARENA", static_cast<int>(-made.value));

	Fd arena(args.fd);

	return checked(mmap(nullptr, len, PROT_READ | PROT_WRITE, MAP_SHARED, arena.get(), 0),
		       "mmap of an arena");
}

bool is_private_backend()
{
	return dynamic_cast<PrivateBackend *>(&backend());
}

PrivateBackend &private_backend()
{
	auto *chosen = dynamic_cast<PrivateBackend *>(&backend());

	if (!chosen)
		throw std::logic_error("this suite is about privpipe.ko; choose another backend");
	return *chosen;
}
