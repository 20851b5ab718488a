// SPDX-License-Identifier: GPL-2.0
#include "pipe/fuse.hh"

#include "support/bytes.hh"

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
	/* ENOENT: unmounting ended the request first. */
	if (write(device, answer.data(), answer.size()) < 0 && errno != ENOENT)
		checked(-1, "answer a FUSE request");
}

template <class T>
void reply_with(int device, const fuse_in_header &request, const T &body)
{
	reply(device, request, 0, {reinterpret_cast<const char *>(&body), sizeof(body)});
}

} // namespace

ssize_t FuseFile::receive_by_splice(int device, int pipe)
{
	return splice(device, nullptr, pipe, nullptr, largest_request, 0);
}

std::string FuseFile::path_of(pid_t daemon)
{
	return "/tmp/fuse-" + std::to_string(daemon);
}

FuseFile::FuseFile(std::string content, Receive receive)
	: path_(path_of(getpid())), content_(std::move(content)), receive_(std::move(receive)),
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
	release();
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

void FuseFile::release()
{
	held_ = false;
	held_.notify_all();
}

void FuseFile::answer_read(const fuse_in_header &request, const fuse_read_in &in)
{
	Pipe pipe = make_stock_pipe();
	const auto rest =
		std::string_view(content_).substr(std::min<uint64_t>(in.offset, content_.size()));
	fuse_out_header header = {static_cast<__u32>(sizeof(header) + in.size), 0, request.unique};
	const iovec iov = {&header, sizeof(header)};

	checked(vmsplice(pipe.out(), &iov, 1, 0), "put a header into a pipe");
	put(pipe.out(), rest.substr(0, in.size));
	header.len = static_cast<__u32>(unread(pipe.in()));
	/* No reader may wait for a reply that was refused. */
	if (splice(pipe.in(), nullptr, device_.get(), nullptr, header.len, 0) < 0)
		reply(device_.get(), request, EIO);
}

void FuseFile::serve()
{
	for (;;) {
		Pipe pipe = make_stock_pipe();

		/* ENODEV: it is no longer mounted. */
		if (receive_(device_.get(), pipe.out()) < 0)
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
			out.attr.size = content_.size();
			reply_with(device_.get(), request, out);
			break;
		}
		case FUSE_OPEN: {
			const auto in = take<fuse_open_in>(pipe.in());
			fuse_open_out out = {};

			/* A read asks the daemon, and a write goes to the cache first. */
			if ((in.flags & O_ACCMODE) == O_RDONLY)
				out.open_flags = FOPEN_DIRECT_IO | (stream_ ? FOPEN_STREAM : 0);
			reply_with(device_.get(), request, out);
			break;
		}
		case FUSE_READ:
			reading_ = true;
			reading_.notify_all();
			held_.wait(true);
			answer_read(request, take<fuse_read_in>(pipe.in()));
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
