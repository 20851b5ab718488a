// SPDX-License-Identifier: MIT
#include "tcp.h"
#include "message.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <linux/sockios.h>
#include <memory>
#include <netdb.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using privpipe::Fd;

namespace {

using Addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

std::expected<Addresses, std::string> look_up(const std::string &name, const std::string &host,
					      const std::string &port, int flags)
{
	addrinfo hints{};
	addrinfo *found = nullptr;

	hints.ai_socktype = SOCK_STREAM;
	hints.ai_flags = AI_NUMERICSERV | flags;
	const int error =
		::getaddrinfo(host.empty() ? nullptr : host.c_str(), port.c_str(), &hints, &found);
	if (error)
		return std::unexpected(
			"cannot look up '" + name + "': " +
			(error == EAI_SYSTEM ? last_error().message() : ::gai_strerror(error)));
	return Addresses(found, ::freeaddrinfo);
}

void set_linger(const Fd &connection, bool reset)
{
	const linger option{reset, 0};

	::setsockopt(connection.get(), SOL_SOCKET, SO_LINGER, &option, sizeof(option));
}

// Sets options before a socket is connected; an accepted connection inherits those of its listener.
Fd open_socket(const addrinfo &address, int flags)
{
	Fd fd(::socket(address.ai_family, address.ai_socktype | SOCK_CLOEXEC | flags,
		       address.ai_protocol));
	const int on = 1;

	if (fd) {
		set_linger(fd, true);
		// Notice when the other machine is gone.
		::setsockopt(fd.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	}
	return fd;
}

std::expected<Fd, std::string> connect_to(const std::string &name, const Address &where)
{
	const auto addresses = look_up(name, where.host, where.port, 0);
	if (!addresses)
		return std::unexpected(addresses.error());

	std::error_code why;
	for (const addrinfo *a = addresses->get(); a; a = a->ai_next) {
		Fd fd = open_socket(*a, 0);
		if (fd && ::connect(fd.get(), a->ai_addr, a->ai_addrlen) == 0)
			return fd;
		why = last_error();
	}
	return failed("cannot connect to", name, why);
}

Fd listen_on(const addrinfo &address)
{
	Fd fd = open_socket(address, SOCK_NONBLOCK);
	const int on = 1;

	if (!fd || ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		return {};
	// Another socket listens for IPv4.
	if (address.ai_family == AF_INET6 &&
	    ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)
		return {};
	if (::bind(fd.get(), address.ai_addr, address.ai_addrlen) < 0 || ::listen(fd.get(), 1) < 0)
		return {};
	return fd;
}

// Whether the kernel lacks this address family, or has no address of it.
bool is_no_family(std::error_code why)
{
	return why == std::errc::address_family_not_supported ||
	       why == std::errc::address_not_available;
}

std::expected<Fd, std::string> accept_on(const std::string &name, const Address &where,
					 const std::string &bind)
{
	const auto addresses = look_up(name, bind, where.port, AI_PASSIVE);
	if (!addresses)
		return std::unexpected(addresses.error());

	std::vector<Fd> listeners;
	std::vector<pollfd> polled;
	std::error_code why;
	for (const addrinfo *a = addresses->get(); a; a = a->ai_next) {
		Fd fd = listen_on(*a);
		if (!fd) {
			why = last_error();
			if (is_no_family(why))
				continue;
			return failed("cannot listen on", name, why);
		}
		polled.push_back({fd.get(), POLLIN, 0});
		listeners.push_back(std::move(fd));
	}
	if (listeners.empty())
		return failed("cannot listen on", name, why);

	for (;; std::this_thread::sleep_for(100ms)) {
		if (::poll(polled.data(), polled.size(), -1) < 0)
			continue;
		for (const pollfd &one : polled) {
			Fd fd(::accept4(one.fd, nullptr, nullptr, SOCK_CLOEXEC));
			if (fd)
				return fd;
		}
		// The connection is gone again, or a resource for it is missing at the moment.
	}
}

// Reads and drops incoming bytes. @return whether the stream has ended, or an error
privpipe::Result<bool> discard(const Fd &connection)
{
	char unwanted[4096];
	const ssize_t size = ::recv(connection.get(), unwanted, sizeof(unwanted), MSG_DONTWAIT);

	if (size >= 0)
		return size == 0;
	if (errno == EAGAIN || errno == EINTR)
		return false;
	return std::unexpected(last_error());
}

} // namespace

std::optional<Address> parse_address(const std::string &name)
{
	const auto colon = name.rfind(':');
	if (colon == std::string::npos || name.find('/') != std::string::npos)
		return {};

	Address address{name.substr(0, colon), name.substr(colon + 1)};
	unsigned port = 0;
	const char *const end = address.port.data() + address.port.size();
	const auto [rest, error] = std::from_chars(address.port.data(), end, port);
	if (error != std::errc() || rest != end || port > 65535)
		return {};

	std::string &host = address.host;
	if (host.size() >= 2 && host.front() == '[' && host.back() == ']')
		host = host.substr(1, host.size() - 2);
	return address;
}

std::expected<Fd, std::string> open_connection(const std::string &name, const Address &where,
					       const std::string &bind)
{
	if (std::ranges::all_of(where.port, [](char digit) { return digit == '0'; }))
		return std::unexpected("cannot use '" + name + "': there is no port 0");

	return where.host.empty() ? accept_on(name, where, bind) : connect_to(name, where);
}

std::optional<std::string> deliver(const Fd &connection, std::chrono::duration<double> wait)
{
	using Clock = std::chrono::steady_clock;
	std::optional<Clock::time_point> acknowledged;
	bool closed = false;

	::shutdown(connection.get(), SHUT_WR);
	for (;;) {
		int unacknowledged = 0;
		if (::ioctl(connection.get(), SIOCOUTQ, &unacknowledged) < 0)
			return last_error().message();
		if (!closed) {
			const auto end = discard(connection);
			if (!end)
				return end.error().message();
			closed = *end;
		}
		// A reset after the other side's end of stream shows only here.  Without POLLERR
		// there is at most an error that TCP recovers from.
		int error = 0;
		socklen_t size = sizeof(error);
		pollfd failed{connection.get(), 0, 0};
		if (::poll(&failed, 1, 0) > 0 && failed.revents & POLLERR)
			::getsockopt(connection.get(), SOL_SOCKET, SO_ERROR, &error, &size);
		if (error)
			return std::generic_category().message(error);

		if (unacknowledged == 0) {
			if (closed)
				return {};
			if (!acknowledged)
				acknowledged = Clock::now();
			if (Clock::now() - *acknowledged > wait)
				return "it has acknowledged everything, but has not closed the "
				       "connection";
		}
		// Once both sides have closed, it always polls as hung up.
		pollfd change{closed ? -1 : connection.get(), POLLIN, 0};
		::poll(&change, 1, 20);
	}
}

void settle(const Fd &connection)
{
	set_linger(connection, false);
}
