// SPDX-License-Identifier: MIT
#include "command.h"
#include "endpoint.h"
#include "interrupt.h"
#include "message.h"
#include "parse.h"
#include "progress.h"
#include "tcp.h"

#include <privpipe/privpipe.hpp>

#include <chrono>
#include <cstdio>
#include <getopt.h>
#include <limits>
#include <optional>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace privpipe;

namespace {

struct Options {
	Policy policy = Policy::module_default;
	std::uint32_t capacity = 0;
	bool quiet = false;
	std::chrono::duration<double> wait = std::chrono::minutes(1);
	Opening opening;
};

std::optional<Policy> parse_policy(const std::string &name)
{
	if (name == "never")
		return Policy::never;
	if (name == "move")
		return Policy::move;
	if (name == "auto")
		return Policy::automatic;
	if (name == "always")
		return Policy::always;
	return {};
}

// Repeats a call until it succeeds or fails for good.  Waits if the descriptor is non-blocking:
// another program may have set that on a terminal or on a pipe between programs.
template <typename Call>
Result<std::size_t> insist(int fd, short events, Call call)
{
	for (;;) {
		Result<std::size_t> moved = call();
		if (moved)
			return moved;
		if (moved.error() == std::errc::resource_unavailable_try_again) {
			pollfd wait{fd, events, 0};
			::poll(&wait, 1, -1);
		} else if (moved.error() != std::errc::interrupted) {
			return moved;
		}
	}
}

// Our arguments are valid, so the other file is the reason for EINVAL.
std::string reason(std::error_code why)
{
	return why.message() +
	       (why == std::errc::invalid_argument ? " (it may not support splice)" : "");
}

// Empties the pipe into the target. @return an error message, or nothing
std::optional<std::string> drain(const Pipe &pipe, std::size_t left, const Target &target,
				 Progress &progress)
{
	while (left > 0) {
		auto moved = insist(target.fd.get(), POLLOUT,
				    [&] { return pipe.reader.splice_to({target.fd.get()}, left); });
		if (!moved)
			return "cannot write '" + target.name + "': " + reason(moved.error());
		if (*moved == 0)
			return "cannot write '" + target.name + "': it accepts no bytes";
		left -= *moved;
		progress.add(*moved);
	}
	return {};
}

// Moves everything. @return an error message, or nothing
std::optional<std::string> copy(const Endpoint &source, const Target &target, const Pipe &pipe,
				Policy policy, Progress &progress)
{
	const SpliceFlags flags = policy == Policy::move ? SpliceFlags::move : SpliceFlags::none;
	const auto empty = pipe.reader.query();
	if (!empty)
		return "cannot query the pipe: " + empty.error().message();

	for (bool begun = false;; begun = true) {
		auto entered = insist(source.fd.get(), POLLIN, [&] {
			return pipe.writer.splice_from({source.fd.get()}, empty->capacity, flags,
						       policy);
		});
		if (!entered)
			return "cannot read '" + source.name + "': " + reason(entered.error());
		// Only now: the source has given its first bytes, or is empty.
		if (!begun)
			if (auto error = target.begin())
				return error;
		if (*entered == 0)
			return {};
		if (auto error = drain(pipe, *entered, target, progress))
			return error;
	}
}

// How many bytes will come, if that is known.
std::optional<std::uint64_t> size_of(const Endpoint &source)
{
	struct stat status;
	const off_t position = ::lseek(source.fd.get(), 0, SEEK_CUR);

	if (::fstat(source.fd.get(), &status) < 0 || !S_ISREG(status.st_mode) ||
	    status.st_size <= position)
		return {};
	return status.st_size - position;
}

void report(const Progress &progress, const Query &query)
{
	std::fprintf(stderr, "%s; %llu bytes taken, %llu copied", progress.summary().c_str(),
		     query.taken, query.copied);
	if (query.moved)
		std::fprintf(stderr, ", %llu moved from another private pipe", query.moved);
	std::fputc('\n', stderr);
}

int run(const std::string &from, const std::string &to, const Options &options)
{
	Progress progress(!options.quiet && ::isatty(STDERR_FILENO));
	const Interrupt interrupt(progress);

	// Make the pipe first: without it there is no reason to open anything else.
	const auto device = Device::open();
	if (!device)
		return complain("cannot open '/dev/privpipe'", device.error());
	const auto pipe = device->create(CreateFlags::cloexec, options.capacity);
	if (!pipe)
		return complain("cannot make a pipe", pipe.error());
	const auto source = open_source(from, options.opening);
	if (!source)
		return complain(source.error());
	auto target = Target::open(to, *source, options.opening);
	if (!target)
		return complain(target.error());

	progress.start(size_of(*source));
	auto error = copy(*source, *target, *pipe, options.policy, progress);
	if (!error)
		error = target->finish(options.wait);
	progress.finish();
	if (error) {
		complain(*error);
		return complain("stopped after " + std::to_string(progress.done()) + " bytes");
	}
	if (source->connection)
		settle(source->fd);
	const auto query = pipe->reader.query();
	if (!options.quiet && query)
		report(progress, *query);
	return 0;
}

// Stores an option. @return whether its argument makes sense
bool set_option(Options &options, int option, const std::string &argument)
{
	if (option == 'p') {
		const auto policy = parse_policy(argument);
		options.policy = policy.value_or(Policy::module_default);
		return policy.has_value();
	}
	if (option == 'c') {
		const auto bytes = parse_bytes(argument);
		options.capacity = std::uint32_t(bytes.value_or(0));
		return bytes && *bytes <= std::numeric_limits<std::uint32_t>::max();
	}
	if (option == 'w') {
		const auto wait = parse_seconds(argument);
		options.wait = wait.value_or(options.wait);
		return wait.has_value();
	}
	if (option == 'b') {
		options.opening.bind = argument;
		return !argument.empty();
	}
	(option == 'i' ? options.opening.in_place : options.quiet) = true;
	return true;
}

bool listens(const std::string &name)
{
	return name.starts_with(':');
}

} // namespace

int copy_command(int argc, char **argv)
{
	static const option long_options[] = {
		{"policy", required_argument, nullptr, 'p'},
		{"capacity", required_argument, nullptr, 'c'},
		{"bind", required_argument, nullptr, 'b'},
		{"wait", required_argument, nullptr, 'w'},
		{"in-place", no_argument, nullptr, 'i'},
		{"quiet", no_argument, nullptr, 'q'},
		{"help", no_argument, nullptr, 'h'},
		{},
	};
	Options options;

	for (int c, index; (c = ::getopt_long(argc, argv, "h", long_options, &index)) != -1;) {
		if (c == 'h' || c == '?') {
			print_usage(c == 'h' ? stdout : stderr, "copy");
			return c == 'h' ? 0 : usage_error;
		}
		const std::string argument = optarg ? optarg : "";
		if (!set_option(options, c, argument))
			return complain("invalid " + std::string(long_options[index].name) + " '" +
					argument + "'"),
			       usage_error;
	}
	if (argc - optind != 2 || (!options.opening.bind.empty() && !listens(argv[optind]) &&
				   !listens(argv[optind + 1]))) {
		print_usage(stderr, "copy");
		return usage_error;
	}
	return run(argv[optind], argv[optind + 1], options);
}
