// SPDX-License-Identifier: MIT
#include "command.h"
#include "endpoint.h"
#include "message.h"
#include "parse.h"
#include "progress.h"

#include <privpipe/privpipe.hpp>

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

// Repeats a call until it succeeds or fails for good.  Waits for a descriptor that somebody else
// has made non-blocking, as terminals and pipes between programs sometimes are.
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

// EINVAL has one cause left: our arguments are right.
std::string reason(std::error_code why)
{
	return why == std::errc::invalid_argument ? "it does not support splice" : why.message();
}

// Moves everything. @return the message of what went wrong, or nothing
std::optional<std::string> copy(const Endpoint &source, const Endpoint &target, const Pipe &pipe,
				std::size_t capacity, Policy policy, Progress &progress)
{
	const SpliceFlags flags = policy == Policy::move ? SpliceFlags::move : SpliceFlags::none;

	for (;;) {
		auto entered = insist(source.fd.get(), POLLIN, [&] {
			return pipe.writer.splice_from({source.fd.get()}, capacity, flags, policy);
		});
		if (!entered)
			return "cannot read '" + source.name + "': " + reason(entered.error());
		if (*entered == 0)
			return {};
		for (std::size_t left = *entered; left > 0;) {
			auto moved = insist(target.fd.get(), POLLOUT, [&] {
				return pipe.reader.splice_to({target.fd.get()}, left);
			});
			if (!moved)
				return "cannot write '" + target.name +
				       "': " + reason(moved.error());
			if (*moved == 0)
				return "cannot write '" + target.name + "': it takes nothing";
			left -= *moved;
			progress.add(*moved);
		}
	}
}

// How much there is to come, when that is known.
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
	// The pipe first: nothing is truncated when there is none to be had.
	const auto device = Device::open();
	if (!device)
		return complain("cannot open '/dev/privpipe'", device.error());
	const auto pipe = device->create(CreateFlags::cloexec, options.capacity);
	if (!pipe)
		return complain("cannot make a pipe", pipe.error());
	const auto empty = pipe->reader.query();
	if (!empty)
		return complain("cannot query the pipe", empty.error());

	const auto source = open_source(from);
	if (!source)
		return complain(source.error());
	auto target = open_target(to, *source);
	if (!target)
		return complain(target.error());

	Progress progress(size_of(*source), !options.quiet && ::isatty(STDERR_FILENO));
	auto error = copy(*source, *target, *pipe, empty->capacity, options.policy, progress);
	// A file system may keep an error until the end.
	if (::close(target->fd.release()) < 0 && !error)
		error = "cannot close '" + target->name + "': " + last_error().message();
	progress.finish();

	if (error) {
		complain(*error);
		return complain("stopped after " + std::to_string(progress.done()) + " bytes");
	}
	const auto query = pipe->reader.query();
	if (!options.quiet && query)
		report(progress, *query);
	return 0;
}

} // namespace

int copy_command(int argc, char **argv)
{
	static const option long_options[] = {
		{"policy", required_argument, nullptr, 'p'},
		{"capacity", required_argument, nullptr, 'c'},
		{"quiet", no_argument, nullptr, 'q'},
		{"help", no_argument, nullptr, 'h'},
		{},
	};
	Options options;

	for (int c; (c = ::getopt_long(argc, argv, "", long_options, nullptr)) != -1;) {
		if (c == 'p') {
			const auto policy = parse_policy(optarg);
			if (!policy)
				return complain("no policy '" + std::string(optarg) + "'"),
				       usage_error;
			options.policy = *policy;
		} else if (c == 'c') {
			const auto bytes = parse_bytes(optarg);
			if (!bytes || *bytes > std::numeric_limits<std::uint32_t>::max())
				return complain("no capacity '" + std::string(optarg) + "'"),
				       usage_error;
			options.capacity = std::uint32_t(*bytes);
		} else if (c == 'q') {
			options.quiet = true;
		} else {
			print_usage(c == 'h' ? stdout : stderr, "copy");
			return c == 'h' ? 0 : usage_error;
		}
	}
	if (argc - optind != 2) {
		print_usage(stderr, "copy");
		return usage_error;
	}
	return run(argv[optind], argv[optind + 1], options);
}
