// SPDX-License-Identifier: GPL-2.0
#include "pipe/pipe.hh"

#include <sys/ioctl.h>

Pipe make_pipe(int flags, unsigned capacity)
{
	std::array<int, 2> ends;
	Result made = backend().create(ends, flags, capacity);

	if (!made.ok())
		throw_errno("make a pipe", static_cast<int>(-made.value));
	return {Fd(ends[0]), Fd(ends[1])};
}

Pipe make_stock_pipe(int flags)
{
	std::array<int, 2> ends;

	checked(pipe2(ends.data(), flags), "pipe2");
	return {Fd(ends[0]), Fd(ends[1])};
}

void set_status_flag(int fd, int flag, bool on)
{
	int flags = checked(fcntl(fd, F_GETFL), "F_GETFL");

	checked(fcntl(fd, F_SETFL, on ? flags | flag : flags & ~flag), "F_SETFL");
}

size_t unread(int fd)
{
	int bytes = 0;

	checked(ioctl(fd, FIONREAD, &bytes), "FIONREAD");
	return static_cast<size_t>(bytes);
}

void put(int fd, std::string_view bytes)
{
	while (!bytes.empty()) {
		Result wrote = backend().write(fd, bytes.data(), bytes.size());

		if (!wrote.ok())
			throw_errno("write", static_cast<int>(-wrote.value));
		bytes.remove_prefix(wrote.bytes());
	}
}

std::string get(int fd, size_t size)
{
	std::string bytes(size, '\0');
	size_t have = 0;

	while (have < size) {
		Result got = backend().read(fd, bytes.data() + have, size - have);

		if (!got.ok())
			throw_errno("read", static_cast<int>(-got.value));
		if (!got.bytes())
			break;
		have += got.bytes();
	}
	bytes.resize(have);
	return bytes;
}

std::string drain(int fd)
{
	return get(fd, unread(fd));
}

std::string fill(const Pipe &pipe)
{
	std::string written;
	int flags = fcntl(pipe.out(), F_GETFL);

	set_status_flag(pipe.out(), O_NONBLOCK);
	for (;;) {
		std::string page = pattern(page_size, written.size());
		Result wrote = result_of(write(pipe.out(), page.data(), page.size()));

		if (!wrote.ok())
			break;
		written += page.substr(0, wrote.bytes());
	}
	checked(fcntl(pipe.out(), F_SETFL, flags), "F_SETFL");
	return written;
}
