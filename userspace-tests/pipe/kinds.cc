// SPDX-License-Identifier: GPL-2.0
#include "pipe/kinds.hh"

#include "support/files.hh"

#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <stdexcept>

namespace {

/* The size of a datagram. One that does not fit a pipe would be cut off. */
constexpr size_t datagram = 4096;

Fd loopback_socket(int type, sockaddr_in *bound)
{
	Fd fd(socket(AF_INET, type | SOCK_CLOEXEC, 0), "socket");
	socklen_t size = sizeof(*bound);

	*bound = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	checked(bind(fd.get(), reinterpret_cast<sockaddr *>(bound), size), "bind");
	checked(getsockname(fd.get(), reinterpret_cast<sockaddr *>(bound), &size), "getsockname");
	return fd;
}

void connect_to(int fd, const sockaddr_in &address)
{
	checked(connect(fd, reinterpret_cast<const sockaddr *>(&address), sizeof(address)),
		"connect over loopback");
}

Connection connect_tcp()
{
	sockaddr_in address;
	Fd listener = loopback_socket(SOCK_STREAM, &address);

	checked(listen(listener.get(), 1), "listen");

	Fd far(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");

	connect_to(far.get(), address);
	return {Fd(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept"),
		std::move(far)};
}

Connection connect_udp()
{
	sockaddr_in near_address;
	sockaddr_in far_address;
	Fd near = loopback_socket(SOCK_DGRAM, &near_address);
	Fd far = loopback_socket(SOCK_DGRAM, &far_address);

	connect_to(near.get(), far_address);
	connect_to(far.get(), near_address);
	return {std::move(near), std::move(far)};
}

Connection connect_unix()
{
	std::array<int, 2> ends;

	checked(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), "socketpair");
	return {Fd(ends[0]), Fd(ends[1])};
}

Connection oriented(Pipe pipe, bool near_writes)
{
	if (near_writes)
		return {std::move(pipe.write_end), std::move(pipe.read_end)};
	return {std::move(pipe.read_end), std::move(pipe.write_end)};
}

Pipe make_fifo()
{
	File placeholder(on_tmpfs);
	std::string path = placeholder.path() + "-fifo";

	checked(mkfifo(path.c_str(), 0600), "mkfifo");

	/* The first open is O_RDWR: it needs no partner to wait for. */
	Fd both(open(path.c_str(), O_RDWR | O_CLOEXEC), "open a FIFO");
	Pipe pipe = {Fd(open(path.c_str(), O_RDONLY | O_CLOEXEC), "open a FIFO"),
		     Fd(open(path.c_str(), O_WRONLY | O_CLOEXEC), "open a FIFO")};

	unlink(path.c_str());
	return pipe;
}

Fd make_memfd(std::string_view contents, int seals)
{
	Fd fd(memfd_create("privpipe-test", MFD_CLOEXEC | MFD_ALLOW_SEALING), "memfd_create");

	write_at(fd.get(), 0, contents);
	if (seals)
		checked(fcntl(fd.get(), F_ADD_SEALS, seals), "F_ADD_SEALS");
	return fd;
}

Fd open_block(std::string_view contents)
{
	Fd fd(open(required_env(block_device).c_str(), O_RDWR | O_CLOEXEC), "open the test disk");

	write_at(fd.get(), 0, contents);
	return fd;
}

Fd copy_of(const char *where, std::string_view contents)
{
	/* The descriptor outlives the name. */
	return File(where, contents).reopen(O_RDWR);
}

bool is_stream(Kind kind)
{
	return std::find(stream_kinds.begin(), stream_kinds.end(), kind) != stream_kinds.end();
}

bool is_socket(Kind kind)
{
	return std::find(socket_kinds.begin(), socket_kinds.end(), kind) != socket_kinds.end();
}

/* Ends quietly when the test has lost interest and closed the other side. */
void feed(int fd, Kind kind, const std::string &contents)
{
	size_t at_once = kind == Kind::udp ? datagram : contents.size();

	for (size_t done = 0; done < contents.size();) {
		ssize_t n = write(fd, contents.data() + done,
				  std::min(at_once, contents.size() - done));

		if (n < 0)
			return;
		done += static_cast<size_t>(n);
	}
}

} // namespace

std::vector<Kind> operator+(std::vector<Kind> a, const std::vector<Kind> &b)
{
	a.insert(a.end(), b.begin(), b.end());
	return a;
}

const char *kind_name(Kind kind)
{
	switch (kind) {
	case Kind::ext4:
		return "ext4";
	case Kind::xfs:
		return "xfs";
	case Kind::tmpfs:
		return "tmpfs";
	case Kind::memfd:
		return "memfd";
	case Kind::sealed_memfd:
		return "sealed_memfd";
	case Kind::block:
		return "block";
	case Kind::zero:
		return "zero";
	case Kind::null:
		return "null";
	case Kind::tcp:
		return "tcp";
	case Kind::udp:
		return "udp";
	case Kind::unix_stream:
		return "unix_stream";
	case Kind::stock_pipe:
		return "stock_pipe";
	case Kind::fifo:
		return "fifo";
	case Kind::tested_pipe:
		return "tested_pipe";
	}
	return "?";
}

void PrintTo(Kind kind, std::ostream *out)
{
	*out << kind_name(kind);
}

Connection connect_kind(Kind kind, bool near_writes)
{
	switch (kind) {
	case Kind::tcp:
		return connect_tcp();
	case Kind::udp:
		return connect_udp();
	case Kind::unix_stream:
		return connect_unix();
	case Kind::stock_pipe:
		return oriented(make_stock_pipe(), near_writes);
	case Kind::fifo:
		return oriented(make_fifo(), near_writes);
	case Kind::tested_pipe:
		return oriented(make_pipe(), near_writes);
	default:
		throw std::logic_error(std::string("nothing to connect: ") + kind_name(kind));
	}
}

Fd open_seekable(Kind kind, std::string_view contents)
{
	switch (kind) {
	case Kind::ext4:
		return copy_of(on_ext4, contents);
	case Kind::xfs:
		return copy_of(on_xfs, contents);
	case Kind::tmpfs:
		return copy_of(on_tmpfs, contents);
	case Kind::memfd:
		return make_memfd(contents, 0);
	case Kind::sealed_memfd:
		return make_memfd(contents, F_SEAL_WRITE);
	case Kind::block:
		return open_block(contents);
	case Kind::zero:
		return Fd(open("/dev/zero", O_RDWR | O_CLOEXEC), "open /dev/zero");
	case Kind::null:
		return Fd(open("/dev/null", O_RDWR | O_CLOEXEC), "open /dev/null");
	default:
		throw std::logic_error(std::string("not a file: ") + kind_name(kind));
	}
}

Source::Source(Kind kind, std::string contents)
{
	if (!is_stream(kind)) {
		fd_ = open_seekable(kind, contents);
		return;
	}

	Connection connection = connect_kind(kind, false);

	fd_ = std::move(connection.near);
	far_ = std::move(connection.far);
	feeder_ = std::thread([this, kind, contents = std::move(contents)] {
		feed(far_.get(), kind, contents);
		if (is_socket(kind))
			shutdown(far_.get(), SHUT_WR);
		else
			far_.reset();
	});
}

Source::~Source()
{
	if (!feeder_.joinable())
		return;
	fd_.reset(); /* or the feeder might wait for ever */
	feeder_.join();
}

Target::Target(Kind kind) : kind_(kind)
{
	if (!is_stream(kind)) {
		fd_ = open_seekable(kind, "");
		return;
	}

	Connection connection = connect_kind(kind, true);

	fd_ = std::move(connection.near);
	far_ = std::move(connection.far);
	collector_ = std::thread([this] {
		std::string chunk(default_capacity, '\0');

		for (ssize_t n; (n = read(far_.get(), chunk.data(), chunk.size())) > 0;)
			received_.append(chunk, 0, static_cast<size_t>(n));
	});
}

Target::~Target()
{
	if (collector_.joinable())
		take(0);
}

std::string Target::take(size_t size)
{
	if (kind_ == Kind::null)
		return "";
	if (!is_stream(kind_))
		return read_at(fd_.get(), 0, size);

	if (kind_ == Kind::udp)
		checked(send(fd_.get(), "", 0, 0), "send the last datagram");
	else if (is_socket(kind_))
		shutdown(fd_.get(), SHUT_WR);
	else
		fd_.reset();
	collector_.join();
	return std::move(received_);
}
