// SPDX-License-Identifier: MIT
#include "endpoint.h"
#include "interrupt.h"
#include "message.h"
#include "tcp.h"

#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

using privpipe::Fd;
namespace fs = std::filesystem;

namespace {

constexpr const char *in_place_hint = " (--in-place writes into the file itself)";

// An existing name is a file, even if it looks like an address.  If that can't be found out, to
// open it tells why.
std::optional<Address> address_of(const std::string &name)
{
	std::error_code error;

	return fs::exists(fs::symlink_status(name, error)) ? std::nullopt : parse_address(name);
}

std::expected<Endpoint, std::string> connection_to(const std::string &name, const Address &where,
						   const Opening &opening)
{
	auto fd = open_connection(name, where, opening.bind);

	if (!fd)
		return std::unexpected(fd.error());
	return Endpoint{name, std::move(*fd), true};
}

std::expected<Endpoint, std::string> opened(std::string name, Fd fd)
{
	if (!fd)
		return failed("cannot open", name, last_error());
	return Endpoint{std::move(name), std::move(fd)};
}

bool is_same_file(const struct stat &a, const struct stat &b)
{
	return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

// @return a message if a file would be copied to itself
std::optional<std::string> same_file(const Endpoint &source, const Endpoint &target)
{
	struct stat from;
	struct stat to;

	if (::fstat(source.fd.get(), &from) < 0 || ::fstat(target.fd.get(), &to) < 0 ||
	    !S_ISREG(to.st_mode) || !is_same_file(from, to))
		return {};
	return "'" + source.name + "' and '" + target.name + "' are the same file";
}

// The mode of a new file, before the umask.
mode_t mode_after(const Endpoint &source)
{
	struct stat from;

	if (::fstat(source.fd.get(), &from) < 0 || !S_ISREG(from.st_mode))
		return 0666;
	return from.st_mode & 0777;
}

// The path of a file, without symbolic links.  Nothing for a file without a name, which can be
// opened only by a link in /proc.
std::optional<std::string> own_path(const std::string &name, const struct stat &status)
{
	struct stat found;
	std::error_code error;
	fs::path path = fs::canonical(name, error);

	if (error || ::lstat(path.c_str(), &found) < 0 || !is_same_file(found, status))
		return {};
	return path;
}

} // namespace

std::expected<Endpoint, std::string> open_source(const std::string &name, const Opening &opening)
{
	if (name == "-")
		return opened("standard input", Fd(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)));
	if (const auto address = address_of(name))
		return connection_to(name, *address, opening);

	auto source = opened(name, Fd(::open(name.c_str(), O_RDONLY | O_CLOEXEC)));
	struct stat status;
	if (source && ::fstat(source->fd.get(), &status) == 0 && S_ISDIR(status.st_mode))
		return failed("cannot read", name, std::make_error_code(std::errc::is_a_directory));
	return source;
}

std::expected<Target, std::string> Target::replace(const std::string &name,
						   std::expected<Replacement, std::error_code> file,
						   const char *hint)
{
	if (!file)
		return std::unexpected("cannot make '" + name + "': " + file.error().message() +
				       hint);
	Target target(Endpoint{name, file->take_fd()});
	target.replacement_.emplace(std::move(*file));
	return target;
}

std::expected<Target, std::string> Target::open_path(const std::string &name,
						     const Endpoint &source, bool in_place)
{
	struct stat to;
	if (::stat(name.c_str(), &to) < 0) {
		if (errno != ENOENT || name.empty())
			return failed("cannot open", name, last_error());
		if (fs::is_symlink(fs::symlink_status(name)))
			return std::unexpected("'" + name + "' is a link that leads nowhere");
		return replace(name, Replacement::of_none(name, mode_after(source)), "");
	}

	// Open it even if it will be replaced, to check that the caller may write to it.
	auto there = opened(name, Fd(::open(name.c_str(), O_WRONLY | O_CLOEXEC)));
	if (!there)
		return std::unexpected(there.error());
	if (auto refusal = same_file(source, *there))
		return std::unexpected(*refusal);
	Target target(std::move(*there));
	if (!S_ISREG(to.st_mode))
		return target;
	const auto path = own_path(name, to);
	if (!in_place && path)
		return replace(name, Replacement::of(*path, to), in_place_hint);
	target.truncate_ = true;
	return target;
}

std::expected<Target, std::string> Target::open(const std::string &name, const Endpoint &source,
						const Opening &opening)
{
	std::expected<Endpoint, std::string> endpoint;

	if (name == "-")
		endpoint =
			opened("standard output", Fd(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)));
	else if (const auto address = address_of(name))
		endpoint = connection_to(name, *address, opening);
	else
		return open_path(name, source, opening.in_place);
	if (!endpoint)
		return std::unexpected(endpoint.error());
	if (auto refusal = same_file(source, *endpoint))
		return std::unexpected(*refusal);
	if (::fcntl(endpoint->fd.get(), F_GETFL) & O_APPEND)
		return std::unexpected(
			"cannot write '" + endpoint->name +
			"': it is open for appending, which splice does not support");
	return Target(std::move(*endpoint));
}

std::optional<std::string> Target::begin() const
{
	if (truncate_ && ::ftruncate(fd.get(), 0) < 0)
		return "cannot truncate '" + name + "': " + last_error().message();
	return {};
}

std::optional<std::string> Target::finish(std::chrono::duration<double> wait)
{
	if (connection)
		if (const auto error = deliver(fd, wait))
			return "'" + name + "' may be incomplete: " + *error;

	const Uninterrupted guard;
	// A file system may report an error only at the end.
	if (::close(fd.release()) < 0)
		return "cannot close '" + name + "': " + last_error().message();
	if (replacement_)
		if (const auto error = replacement_->take_place())
			return "cannot replace '" + name + "': " + error.message() + in_place_hint;
	return {};
}
