// SPDX-License-Identifier: MIT
#include "peer.h"
#include "process.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <gtest/gtest.h>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

using privpipe::Fd;

namespace {

int open_listener()
{
	const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	sockaddr_in address{};

	if (fd < 0) {
		ADD_FAILURE() << "no socket";
		return fd;
	}
	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr *>(&address), sizeof(address)), 0);
	EXPECT_EQ(::listen(fd, 1), 0);
	return fd;
}

std::string port_of(int fd)
{
	sockaddr_in address{};
	socklen_t size = sizeof(address);

	EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr *>(&address), &size), 0);
	return std::to_string(ntohs(address.sin_port));
}

} // namespace

std::string Peer::free_port()
{
	return port_of(Fd(open_listener()).get());
}

Peer Peer::connect(const std::string &address, const std::string &port)
{
	addrinfo hints{};
	addrinfo *found = nullptr;
	Fd fd;

	std::signal(SIGPIPE, SIG_IGN);
	hints.ai_socktype = SOCK_STREAM;
	hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
	EXPECT_EQ(::getaddrinfo(address.c_str(), port.c_str(), &hints, &found), 0);
	const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list(found, ::freeaddrinfo);
	EXPECT_TRUE(eventually([&] {
		fd = Fd(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
		return fd && ::connect(fd.get(), found->ai_addr, found->ai_addrlen) == 0;
	})) << "nobody listens on "
	    << address << " " << port;
	return Peer(fd.release());
}

void Peer::send(const std::string &bytes) const
{
	for (std::size_t sent = 0; sent < bytes.size();) {
		const ssize_t more = ::send(fd_.get(), bytes.data() + sent, bytes.size() - sent, 0);
		ASSERT_GT(more, 0);
		sent += std::size_t(more);
	}
}

std::string Peer::receive(std::size_t size) const
{
	std::string all;

	for (char piece[4096]; all.size() < size;) {
		const ssize_t more =
			::recv(fd_.get(), piece, std::min(sizeof(piece), size - all.size()), 0);
		if (more <= 0)
			break;
		all.append(piece, std::size_t(more));
	}
	return all;
}

int Peer::error_at_the_end() const
{
	for (char piece[4096];;) {
		const ssize_t more = ::recv(fd_.get(), piece, sizeof(piece), 0);
		if (more <= 0)
			return more == 0 ? 0 : errno;
	}
}

void Peer::finish() const
{
	::shutdown(fd_.get(), SHUT_WR);
}

Listener::Listener() : fd_(open_listener()) {}

std::string Listener::name() const
{
	return "127.0.0.1:" + port_of(fd_.get());
}

Peer Listener::accept() const
{
	pollfd ready{fd_.get(), POLLIN, 0};

	EXPECT_EQ(::poll(&ready, 1, 60000), 1) << "nobody connects";
	return Peer(ready.revents ? ::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC) : -1);
}

bool listens(const std::string &file, const std::string &address, const std::string &port)
{
	char entry[64];
	std::snprintf(entry, sizeof(entry), "%s:%04X ", address.c_str(),
		      unsigned(std::stoul(port)));

	std::ifstream table("/proc/net/" + file);
	for (std::string line; std::getline(table, line);)
		// The fourth column is the state.
		if (line.find(entry) < 12 && line.find(" 0A ") != std::string::npos)
			return true;
	return false;
}
