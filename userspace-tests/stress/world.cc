// SPDX-License-Identifier: GPL-2.0
#include "stress/world.hh"

#include "support/bytes.hh"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

namespace {

constexpr size_t file_size = 300001;
constexpr size_t hole_begins = 90000;
constexpr size_t hole_ends = 140000;
constexpr size_t most_fed = 16384; /* into a socket, so that 16 slots hold it */

constexpr size_t pattern_size = 1 << 20;
constexpr size_t region_size = 160 * 1024; /* for one piece of a read */

/* Memory with a page behind it that nobody can touch. */
class Guarded {
public:
	explicit Guarded(size_t size, std::string_view contents = "")
		: mapping_(size + page_size), size_(size)
	{
		mapping_.fill(contents);
		mapping_.forbid(size, page_size);
	}
	char *data() const { return mapping_.data(); }
	char *end() const { return mapping_.data() + size_; }

private:
	Mapping mapping_;
	size_t size_;
};

/* The memory to write from never changes: a stock pipe may refer to it for long. */
const Guarded &source()
{
	static const Guarded memory(pattern_size, pattern(pattern_size));

	return memory;
}

const Guarded &destination(size_t piece)
{
	static const std::array<Guarded, max_segments> regions = {
		Guarded(region_size), Guarded(region_size), Guarded(region_size),
		Guarded(region_size)};

	return regions[piece];
}

/* The ends of the pieces of op.len bytes; on page boundaries if op.data is one. */
std::vector<size_t> cut(const Op &op)
{
	std::vector<size_t> ends;

	for (uint32_t i = 1; i < op.segments; i++) {
		uint64_t at = (op.data + i * 0x9e3779b9u) % (op.len + 1);

		ends.push_back(op.data % page_size ? at : at / page_size * page_size);
	}
	ends.push_back(op.len);
	std::sort(ends.begin(), ends.end());
	return ends;
}

std::vector<iovec> lay_out(const Op &op, auto &&place)
{
	std::vector<iovec> pieces;
	size_t done = 0;

	for (size_t end : cut(op)) {
		bool last = pieces.size() + 1 == op.segments;
		size_t len = end - done;

		pieces.push_back({place(pieces.size(), last && op.fault < len), len});
		done = end;
	}
	return pieces;
}

std::vector<iovec> destination_memory(const Op &op)
{
	return lay_out(op, [&](size_t i, bool faulty) -> void * {
		const Guarded &region = destination(i);

		return faulty ? region.end() - op.fault : region.data() + op.data % page_size;
	});
}

std::string gather(std::span<const iovec> pieces, size_t len)
{
	std::string bytes;

	for (const iovec &piece : pieces) {
		size_t n = std::min(piece.iov_len, len - bytes.size());

		bytes.append(static_cast<const char *>(piece.iov_base), n);
	}
	return bytes;
}

std::string file_contents()
{
	std::string contents = pattern(file_size, 0, 1);

	std::fill(contents.begin() + hole_begins, contents.begin() + hole_ends, '\0');
	return contents;
}

File make_source(const char *where)
{
	File file(where);
	const std::string contents = file_contents();

	file.write_at(0, std::string_view(contents).substr(0, hole_begins));
	file.write_at(hole_ends, std::string_view(contents).substr(hole_ends));
	file.forget();
	return file;
}

void set_option(int fd, int level, int name, int value)
{
	checked(setsockopt(fd, level, name, &value, sizeof(value)), "setsockopt");
}

/* Buffers so large that nothing ever has to wait for the other side. */
void widen(int fd)
{
	set_option(fd, SOL_SOCKET, SO_SNDBUFFORCE, 8 << 20);
	set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20);
}

std::array<Fd, 2> connect_unix()
{
	std::array<int, 2> ends;

	checked(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), "socketpair");
	widen(ends[0]);
	widen(ends[1]);
	return {Fd(ends[0]), Fd(ends[1])};
}

std::array<Fd, 2> connect_tcp()
{
	sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	auto *generic = reinterpret_cast<sockaddr *>(&address);
	socklen_t size = sizeof(address);
	Fd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
	Fd far(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");

	widen(listener.get());
	widen(far.get());
	checked(bind(listener.get(), generic, size), "bind");
	checked(getsockname(listener.get(), generic, &size), "getsockname");
	checked(listen(listener.get(), 1), "listen");
	checked(::connect(far.get(), generic, size), "connect");

	Fd near(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept");

	set_option(near.get(), IPPROTO_TCP, TCP_NODELAY, 1);
	set_option(far.get(), IPPROTO_TCP, TCP_NODELAY, 1);
	return {std::move(near), std::move(far)};
}

void set_nonblocking(int fd)
{
	checked(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK), "O_NONBLOCK");
}

} // namespace

std::vector<iovec> source_memory(const Op &op)
{
	return lay_out(op, [&](size_t i, bool faulty) -> void * {
		size_t at = (op.data + i * 9 * page_size) % (pattern_size / 2);

		return faulty ? source().end() - op.fault : source().data() + at;
	});
}

std::string source_bytes(const Op &op)
{
	auto pieces = source_memory(op);

	if (op.fault < pieces.back().iov_len)
		pieces.back().iov_len = op.fault;
	return gather(pieces, op.len);
}

World::World(Backend &backend)
	: backend_(backend), tmpfs_(make_source(on_tmpfs)), ext4_(make_source(on_ext4)),
	  tmpfs_out_(on_tmpfs), ext4_out_(on_ext4)
{
	ends_.fill(-1);
	ends_[static_cast<size_t>(Place::tmpfs_out)] = tmpfs_out_.fd();
	ends_[static_cast<size_t>(Place::ext4_out)] = ext4_out_.fd();
	/* D1: a source that is written to would be a difference. */
	hold(Place::tmpfs, tmpfs_.reopen(O_RDONLY));
	hold(Place::ext4, ext4_.reopen(O_RDONLY));
	hold(Place::append, tmpfs_out_.reopen(O_WRONLY | O_APPEND));
	hold(Place::zero, Fd(open("/dev/zero", O_RDWR | O_CLOEXEC), "/dev/zero"));
	hold(Place::null, Fd(open("/dev/null", O_RDWR | O_CLOEXEC), "/dev/null"));
	restart();
}

void World::hold(Place place, Fd owned)
{
	ends_[static_cast<size_t>(place)] = owned.get();
	owned_[static_cast<size_t>(place)] = std::move(owned);
}

void World::restart()
{
	for (int pipe = 0; pipe < pipes; pipe++)
		renew(pipe);
	for (Place place : {Place::tmpfs, Place::ext4, Place::tmpfs_out, Place::ext4_out})
		lseek(fd(place), 0, SEEK_SET);
	checked(ftruncate(tmpfs_out_.fd(), 0), "ftruncate");
	checked(ftruncate(ext4_out_.fd(), 0), "ftruncate");

	connect(Place::unix_socket, &unix_, connect_unix());
	connect(Place::tcp_socket, &tcp_, connect_tcp());
}

void World::connect(Place near, Socket *socket, std::array<Fd, 2> ends)
{
	set_nonblocking(ends[0].get());
	ends_[static_cast<size_t>(near)] = ends[0].get();
	*socket = {std::move(ends[0]), std::move(ends[1])};
}

void World::renew(int pipe)
{
	std::array<int, 2> ends;
	Result made = {};

	hold(end_of(pipe, false), Fd());
	hold(end_of(pipe, true), Fd());
	if (pipe == pipes - 1)
		made = result_of(pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC));
	else
		made = backend_.create(ends, O_NONBLOCK | O_CLOEXEC, 0);
	if (!made.ok())
		throw_errno("make a pipe", static_cast<int>(-made.value));
	hold(end_of(pipe, false), Fd(ends[0]));
	hold(end_of(pipe, true), Fd(ends[1]));
}

std::string World::drain(int pipe)
{
	int end = fd(end_of(pipe, false));
	std::string bytes;
	int at_end = 0;

	/* An empty packet, which a write leaves that faults, reads as the end does: look twice. */
	while (at_end < 2) {
		ssize_t n = ::read(end, destination(0).data(), region_size);

		if (n < 0)
			break;
		at_end = n ? 0 : at_end + 1;
		bytes.append(destination(0).data(), static_cast<size_t>(n));
	}
	return bytes;
}

Result World::unread(int pipe) const
{
	int bytes = -1;
	Place reader = end_of(pipe, false);

	if (ioctl(fd(is_open(reader) ? reader : end_of(pipe, true)), FIONREAD, &bytes) < 0)
		return failed(errno);
	return {bytes};
}

size_t World::capacity(int pipe) const
{
	Place reader = end_of(pipe, false);
	int end = fd(is_open(reader) ? reader : end_of(pipe, true));

	return pipe == pipes - 1 ? result_of(fcntl(end, F_GETPIPE_SZ)).bytes()
				 : backend_.capacity(end).bytes();
}

bool World::makes_packets(int pipe) const
{
	const Place writer = end_of(pipe, true);

	return is_open(writer) && fcntl(fd(writer), F_GETFL) & O_DIRECT;
}

Result World::memory_call(const Op &op, std::string *read)
{
	bool in = op.to != Place::none;
	auto pieces = in ? source_memory(op) : destination_memory(op);
	int end = fd(in ? op.to : op.from);
	int count = static_cast<int>(pieces.size());
	/* io_uring gives up on a stock pipe that splice(2) was used on. */
	bool own = count == 1 && pipe_of(in ? op.to : op.from) != pipes - 1;
	Result result = {};

	if (op.kind == Kind::vmsplice)
		/* O_NONBLOCK means nothing to it. */
		result = backend_.vmsplice(end, pieces.data(), pieces.size(),
					   op.flags | SPLICE_F_NONBLOCK);
	else if (in)
		result = own ? backend_.write(end, pieces[0].iov_base, op.len)
			     : result_of(writev(end, pieces.data(), count));
	else
		result = own ? backend_.read(end, pieces[0].iov_base, op.len)
			     : result_of(readv(end, pieces.data(), count));
	if (!in && result.ok())
		*read = gather(pieces, result.bytes());
	return result;
}

Result World::move_call(const Op &op, off64_t *off_in, off64_t *off_out)
{
	auto pointer = [](off64_t *offset) {
		return *offset == no_offset    ? nullptr
		       : *offset == bad_offset ? static_cast<off64_t *>(nowhere())
					       : offset;
	};

	if (op.kind == Kind::tee)
		return backend_.tee(fd(op.from), fd(op.to), op.len, op.flags);

	bool native = op.native;

	/* It takes a private pipe for a file, and only from files that makes no difference. */
	if (op.kind == Kind::sendfile)
		return native && pipe_of(op.to) >= 0 &&
				       (op.from == Place::tmpfs || op.from == Place::ext4)
			       ? result_of(sendfile64(fd(op.to), fd(op.from), pointer(off_in),
						      op.len))
			       : backend_.sendfile(fd(op.to), fd(op.from), pointer(off_in), op.len);

	/* The system call knows private pipes when a stock one is on the other side. */
	native &= op.len < 1u << 31 && *off_in == no_offset && *off_out == no_offset &&
		  pipe_of(op.from) >= 0 && pipe_of(op.to) >= 0 &&
		  (pipe_of(op.from) == pipes - 1) != (pipe_of(op.to) == pipes - 1);
	return native ? result_of(::splice(fd(op.from), pointer(off_in), fd(op.to),
					   pointer(off_out), op.len, op.flags))
		      : backend_.splice(fd(op.from), pointer(off_in), fd(op.to), pointer(off_out),
					op.len, op.flags);
}

Result World::change(const Op &op)
{
	int end = fd(op.from);
	int pipe = pipe_of(op.from);

	switch (op.kind) {
	case Kind::resize: {
		auto size = static_cast<unsigned>(op.len);

		return pipe == pipes - 1 ? result_of(fcntl(end, F_SETPIPE_SZ, size))
					 : backend_.resize(end, size);
	}
	case Kind::packets:
		return result_of(fcntl(end, F_SETFL, O_NONBLOCK | (op.flags ? O_DIRECT : 0)));
	case Kind::close:
		hold(op.from, Fd());
		return {};
	case Kind::reopen: {
		Place other = end_of(pipe, !is_write_end(op.from));
		std::string path = "/proc/self/fd/" + std::to_string(fd(other));
		int flags = (is_write_end(op.from) ? O_WRONLY : O_RDONLY) | O_NONBLOCK | O_CLOEXEC;

		if (is_open(op.from))
			return {};
		if (!is_open(other))
			renew(pipe);
		else
			hold(op.from, Fd(open(path.c_str(), flags)));
		return {fd(op.from) >= 0};
	}
	case Kind::seek:
		return result_of(lseek64(end, op.off_in, SEEK_SET));
	default: {
		pollfd state = {
			.fd = end, .events = POLLIN | POLLOUT | POLLPRI | POLLRDHUP, .revents = 0};

		poll(&state, 1, 0);
		return {state.revents};
	}
	}
}

/* Lets as many bytes as @op says arrive in the socket that it reads. */
void World::feed(const Op &op)
{
	size_t size = op.data % most_fed;
	const Socket &socket = socket_at(op.from);
	int arrived = 0;

	for (size_t done = 0; done < size;)
		done += static_cast<size_t>(
			checked(send(socket.far.get(), source().data() + done,
				     std::min(size - done, size_t{1} + op.segments * 3000), 0),
				"send"));
	/* Bytes sent over loopback may take their time. */
	while (arrived < static_cast<int>(size))
		checked(ioctl(socket.near.get(), FIONREAD, &arrived), "FIONREAD");
}

/* The bytes that came out of a pipe into a file or socket. */
std::string World::arrived(const Op &op, Result result, int64_t at)
{
	std::string bytes(result.bytes(), '\0');

	if (bytes.empty())
		return bytes;
	if (is_socket(op.to))
		bytes.resize(static_cast<size_t>(checked(
			recv(socket_at(op.to).far.get(), bytes.data(), bytes.size(), MSG_WAITALL),
			"recv")));
	else
		bytes = read_at(fd(op.to), at, bytes.size());
	return bytes;
}

Outcome World::run(const Op &op)
{
	Outcome outcome = {.result = {}, .off_in = op.off_in, .off_out = op.off_out};

	if (op.kind == Kind::read || op.kind == Kind::write || op.kind == Kind::vmsplice) {
		outcome.result = memory_call(op, &outcome.bytes);
		return outcome;
	}
	if (op.kind != Kind::splice && op.kind != Kind::tee && op.kind != Kind::sendfile) {
		outcome.result = change(op);
		return outcome;
	}

	if (is_socket(op.from))
		feed(op);

	int64_t at = op.off_out == no_offset ? lseek64(fd(op.to), 0, SEEK_CUR) : op.off_out;

	outcome.result = move_call(op, &outcome.off_in, &outcome.off_out);
	if (op.to == Place::tmpfs_out || op.to == Place::ext4_out || is_socket(op.to))
		outcome.bytes = arrived(op, outcome.result, at);
	outcome.position_in = lseek64(fd(op.from), 0, SEEK_CUR);
	outcome.position_out = lseek64(fd(op.to), 0, SEEK_CUR);
	if (is_socket(op.from)) {
		ssize_t n = recv(fd(op.from), destination(0).data(), region_size, MSG_DONTWAIT);

		outcome.bytes.append(destination(0).data(),
				     static_cast<size_t>(std::max<ssize_t>(n, 0)));
	}
	return outcome;
}
