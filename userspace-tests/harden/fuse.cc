// SPDX-License-Identifier: GPL-2.0
#include "harden/fuse.hh"

#include "support/bytes.hh"

#include <linux/fuse.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

namespace {

constexpr size_t largest_request = 16 * page_size;

template <class T>
T take(int pipe)
{
	T value;

	std::memcpy(&value, get(pipe, sizeof(value)).data(), sizeof(value));
	return value;
}

void reply(int device, const fuse_in_header &request, int error, std::string_view body = "")
{
	fuse_out_header header = {static_cast<__u32>(sizeof(header) + body.size()), -error,
				  request.unique};
	std::string answer(reinterpret_cast<char *>(&header), sizeof(header));

	answer += body;
	checked(write(device, answer.data(), answer.size()), "answer a FUSE request");
}

template <class T>
void reply_with(int device, const fuse_in_header &request, const T &body)
{
	reply(device, request, 0, {reinterpret_cast<const char *>(&body), sizeof(body)});
}

} // namespace

FuseFile::FuseFile()
	: path_("/tmp/fuse-" + std::to_string(getpid())),
	  device_(open("/dev/fuse", O_RDWR | O_CLOEXEC), "open /dev/fuse")
{
	Fd place(open(path_.c_str(), O_CREAT | O_WRONLY, 0600), "make " + path_);
	const std::string options =
		"fd=" + std::to_string(device_.get()) + ",rootmode=100644,user_id=0,group_id=0";

	checked(mount("harden", path_.c_str(), "fuse", 0, options.c_str()), "mount " + path_);
	daemon_ = std::thread([this] { serve(); });
}

FuseFile::~FuseFile()
{
	take_writes();
	unlink(path_.c_str());
}

std::vector<Pipe> FuseFile::take_writes()
{
	if (daemon_.joinable()) {
		umount2(path_.c_str(), MNT_DETACH);
		daemon_.join();
	}
	return std::move(writes_);
}

void FuseFile::serve()
{
	for (;;) {
		Pipe pipe = make_stock_pipe();

		/* ENODEV: it is no longer mounted. */
		if (splice(device_.get(), nullptr, pipe.out(), nullptr, largest_request, 0) < 0)
			return;

		const auto request = take<fuse_in_header>(pipe.in());

		switch (request.opcode) {
		case FUSE_INIT: {
			const auto in = take<fuse_init_in>(pipe.in());
			fuse_init_out out = {};

			out.major = FUSE_KERNEL_VERSION;
			out.minor = std::min<__u32>(in.minor, FUSE_KERNEL_MINOR_VERSION);
			out.max_write = page_size;
			reply_with(device_.get(), request, out);
			break;
		}
		case FUSE_GETATTR: {
			fuse_attr_out out = {};

			out.attr.ino = FUSE_ROOT_ID;
			out.attr.mode = S_IFREG | 0644;
			out.attr.nlink = 1;
			reply_with(device_.get(), request, out);
			break;
		}
		case FUSE_OPEN:
			reply_with(device_.get(), request, fuse_open_out{});
			break;
		case FUSE_WRITE: {
			const auto in = take<fuse_write_in>(pipe.in());

			writes_.push_back(std::move(pipe));
			reply_with(device_.get(), request, fuse_write_out{.size = in.size});
			break;
		}
		case FUSE_FORGET:
			break;
		case FUSE_RELEASE:
			reply(device_.get(), request, 0);
			break;
		default:
			reply(device_.get(), request, ENOSYS);
		}
	}
}
