// SPDX-License-Identifier: MIT
#include "endpoint.h"
#include "message.h"

#include <charconv>
#include <fcntl.h>
#include <memory>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

using privpipe::Fd;

namespace {

std::unexpected<std::string> failed(const std::string &operation, const std::string &name,
				    std::error_code why)
{
	return std::unexpected(operation + " '" + name + "': " + why.message());
}

std::expected<Fd, std::string> connect_to(const std::string &name, const addrinfo &address)
{
	Fd fd(::socket(address.ai_family, address.ai_socktype | SOCK_CLOEXEC, address.ai_protocol));

	if (!fd || ::connect(fd.get(), address.ai_addr, address.ai_addrlen) < 0)
		return failed("cannot connect to", name, last_error());
	return fd;
}

std::expected<Fd, std::string> accept_on(const std::string &name, const addrinfo &address)
{
	Fd listener(::socket(address.ai_family, address.ai_socktype | SOCK_CLOEXEC,
			     address.ai_protocol));
	const int on = 1;

	if (!listener ||
	    ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    ::bind(listener.get(), address.ai_addr, address.ai_addrlen) < 0 ||
	    ::listen(listener.get(), 1) < 0)
		return failed("cannot listen on", name, last_error());

	Fd fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
	if (!fd)
		return failed("cannot accept on", name, last_error());
	return fd;
}

std::expected<Fd, std::string> open_address(const std::string &name, const Address &where)
{
	addrinfo hints{};
	addrinfo *found = nullptr;

	hints.ai_socktype = SOCK_STREAM;
	hints.ai_flags = AI_NUMERICSERV | (where.host.empty() ? AI_PASSIVE : 0);
	int error = ::getaddrinfo(where.host.empty() ? nullptr : where.host.c_str(),
				  where.port.c_str(), &hints, &found);
	if (error)
		return std::unexpected("cannot look up '" + name + "': " + ::gai_strerror(error));
	const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list(found, ::freeaddrinfo);

	std::expected<Fd, std::string> fd;
	for (const addrinfo *address = found; address; address = address->ai_next) {
		fd = where.host.empty() ? accept_on(name, *address) : connect_to(name, *address);
		if (fd)
			break;
	}
	return fd;
}

// Opens whatever a name may stand for; the standard descriptor is for "-".
std::expected<Endpoint, std::string> open_endpoint(const std::string &name, int standard, int flags,
						   mode_t mode = 0)
{
	if (const auto address = parse_address(name)) {
		auto fd = open_address(name, *address);
		if (!fd)
			return std::unexpected(fd.error());
		return Endpoint{name, std::move(*fd)};
	}

	Endpoint endpoint{name, Fd()};
	if (name == "-") {
		endpoint.name = standard == STDIN_FILENO ? "standard input" : "standard output";
		endpoint.fd = Fd(::fcntl(standard, F_DUPFD_CLOEXEC, 0));
	} else {
		endpoint.fd = Fd(::open(name.c_str(), flags | O_CLOEXEC, mode));
	}
	if (!endpoint.fd)
		return failed("cannot open", endpoint.name, last_error());
	return endpoint;
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

std::expected<Endpoint, std::string> open_source(const std::string &name)
{
	auto source = open_endpoint(name, STDIN_FILENO, O_RDONLY);

	struct stat status;
	if (source && ::fstat(source->fd.get(), &status) == 0 && S_ISDIR(status.st_mode))
		return failed("cannot read", source->name,
			      std::make_error_code(std::errc::is_a_directory));
	return source;
}

std::expected<Endpoint, std::string> open_target(const std::string &name, const Endpoint &source)
{
	struct stat from;
	if (::fstat(source.fd.get(), &from) < 0)
		return failed("cannot look at", source.name, last_error());

	auto target = open_endpoint(name, STDOUT_FILENO, O_WRONLY | O_CREAT,
				    S_ISREG(from.st_mode) ? from.st_mode & 0777 : 0666);
	if (!target)
		return target;

	const int fd = target->fd.get();
	struct stat to;
	if (::fstat(fd, &to) < 0)
		return failed("cannot look at", target->name, last_error());
	if (!S_ISREG(to.st_mode))
		return target;
	if (from.st_dev == to.st_dev && from.st_ino == to.st_ino)
		return std::unexpected("'" + source.name + "' and '" + target->name +
				       "' are the same file");
	if (::fcntl(fd, F_GETFL) & O_APPEND)
		return std::unexpected("cannot write '" + target->name +
				       "': splice cannot append to a file");
	// What standard output holds already is the shell's business.
	if (name != "-" && ::ftruncate(fd, 0) < 0)
		return failed("cannot truncate", target->name, last_error());
	return target;
}
