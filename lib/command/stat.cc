// SPDX-License-Identifier: MIT
#include "command.h"
#include "counters.h"
#include "message.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <getopt.h>
#include <optional>
#include <thread>
#include <unistd.h>

namespace {

using Clock = std::chrono::steady_clock;

struct Sample {
	Counters counters;
	Clock::time_point when = Clock::now();
};

int width_of_names(const Counters &counters)
{
	std::size_t width = 0;

	for (const auto &[name, value] : counters)
		width = std::max(width, name.size());
	return int(width);
}

// A screen has few lines: what has counted nothing yet is left out of a @p brief view.
void show(const Sample &now, const std::optional<Sample> &before, bool brief)
{
	const int width = width_of_names(now.counters);

	if (brief)
		std::printf("%-*s %15s %17s\n", width, "counter", "so far", "now");
	for (const auto &[name, value] : now.counters) {
		if (brief && value == 0)
			continue;
		std::printf("%-*s %15llu", width, name.c_str(),
			    static_cast<unsigned long long>(value));
		if (before) {
			const auto old = before->counters.find(name);
			const std::uint64_t last = old == before->counters.end() ? 0 : old->second;
			const std::chrono::duration<double> passed = now.when - before->when;
			std::printf(" %15.1f/s", (double(value) - double(last)) / passed.count());
		}
		std::putchar('\n');
	}
}

int explain(std::error_code error)
{
	const char *cure = "";

	if (error == std::errc::permission_denied)
		cure = " (they tell what all users transfer: run this as root)";
	else if (error == std::errc::no_such_file_or_directory)
		cure = " (the module is not loaded: run 'modprobe privpipe' as root)";
	return complain(std::string("cannot read the counters in '") + counters_directory + "'" +
				cure,
			error);
}

int run(std::optional<std::chrono::duration<double>> interval)
{
	const bool screen = interval && ::isatty(STDOUT_FILENO);
	std::optional<Sample> before;

	for (;;) {
		auto counters = read_counters();
		if (!counters)
			return explain(counters.error());
		Sample now{std::move(*counters)};
		if (screen)
			std::fputs("\033[H\033[J", stdout);
		else if (before)
			std::putchar('\n');
		show(now, before, screen);
		if (std::fflush(stdout) != 0)
			return complain("cannot write 'standard output'", last_error());
		if (!interval)
			return 0;
		before = std::move(now);
		std::this_thread::sleep_for(*interval);
	}
}

} // namespace

int stat_command(int argc, char **argv)
{
	static const option long_options[] = {
		{"interval", required_argument, nullptr, 'i'},
		{"once", no_argument, nullptr, 'o'},
		{"help", no_argument, nullptr, 'h'},
		{},
	};
	std::optional<std::chrono::duration<double>> interval;
	if (::isatty(STDOUT_FILENO))
		interval = std::chrono::seconds(1);

	for (int c; (c = ::getopt_long(argc, argv, "", long_options, nullptr)) != -1;) {
		if (c == 'i') {
			char *end;
			interval = std::chrono::duration<double>(std::strtod(optarg, &end));
			// A day at the most: longer ones overflow the clock in the end.
			if (end == optarg || *end ||
			    !(interval->count() > 0 && interval->count() <= 86400))
				return complain("no interval '" + std::string(optarg) + "'"),
				       usage_error;
		} else if (c == 'o') {
			interval.reset();
		} else {
			print_usage(c == 'h' ? stdout : stderr, "stat");
			return c == 'h' ? 0 : usage_error;
		}
	}
	if (optind != argc) {
		print_usage(stderr, "stat");
		return usage_error;
	}
	return run(interval);
}
