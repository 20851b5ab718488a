// SPDX-License-Identifier: MIT
#include "command.h"
#include "counters.h"
#include "harden.h"
#include "message.h"
#include "parse.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <getopt.h>
#include <optional>
#include <thread>
#include <unistd.h>

namespace {

using Clock = std::chrono::steady_clock;

struct Sample {
	AllCounters modules;
	Clock::time_point when = Clock::now();
};

struct Options {
	std::optional<std::chrono::duration<double>> interval;
	bool json = false;
	bool prometheus = false;
	std::string sysroot;
};

std::string time_of_day()
{
	const std::time_t now = std::time(nullptr);
	std::tm local{};
	std::array<char, 32> text;

	std::strftime(text.data(), text.size(), "%FT%T%z", ::localtime_r(&now, &local));
	return text.data();
}

int width_of_names(const AllCounters &modules)
{
	std::size_t width = 0;

	for (const auto &[module, counters] : modules)
		for (const auto &[name, value] : counters)
			width = std::max(width, module.size() + 1 + name.size());
	return int(width);
}

// How fast a counter grows.  The counters of a module that was loaded in between began with zeros.
double rate(const Sample &now, const Sample &before, const std::string &module,
	    const std::string &name, std::uint64_t value)
{
	const std::chrono::duration<double> passed = now.when - before.when;
	const auto counters = before.modules.find(module);
	std::uint64_t last = 0;

	if (counters != before.modules.end())
		if (const auto old = counters->second.find(name); old != counters->second.end())
			last = old->second;
	if (value < last) // loaded again in between
		last = 0;
	return (double(value) - double(last)) / passed.count();
}

// A @p brief view, for a screen with few lines, leaves out counters that are zero.
void show(const Sample &now, const std::optional<Sample> &before, bool brief)
{
	const int width = width_of_names(now.modules);

	if (brief)
		std::printf("%-*s %20s %17s\n", width, "counter", "so far", "now");
	for (const auto &[module, counters] : now.modules) {
		for (const auto &[name, value] : counters) {
			if (brief && value == 0)
				continue;
			std::string label = module;
			label.append("/").append(name);
			std::printf("%-*s %20llu", width, label.c_str(),
				    static_cast<unsigned long long>(value));
			if (before)
				std::printf(" %15.1f/s", rate(now, *before, module, name, value));
			std::putchar('\n');
		}
	}
}

// One object on one line.  The names are names of sysfs files, which need no escaping.
void show_json(const Sample &now)
{
	std::printf("{\"time\":\"%s\"", time_of_day().c_str());
	for (const auto &[module, counters] : now.modules) {
		std::printf(",\"%s\":{", module.c_str());
		const char *separator = "";
		for (const auto &[name, value] : counters) {
			std::printf("%s\"%s\":%llu", separator, name.c_str(),
				    static_cast<unsigned long long>(value));
			separator = ",";
		}
		std::putchar('}');
	}
	std::puts("}");
}

// Also without a module, so that a monitor notices.
int show_metrics(const Options &options)
{
	const HardenStatus harden = HardenModule(options.sysroot).status();
	const auto counters = read_all_counters(options.sysroot);

	if (!counters)
		return complain(counters.error());
	show_prometheus(*counters, harden);
	return 0;
}

int run(const Options &options)
{
	const bool screen = options.interval && !options.json && ::isatty(STDOUT_FILENO);
	std::optional<Sample> before;

	for (;;) {
		auto counters = read_all_counters(options.sysroot);
		if (!counters)
			return complain(counters.error());
		if (counters->empty())
			return complain(
				"no counters: neither privpipe nor privpipe_harden is loaded");
		Sample now{std::move(*counters)};
		if (screen)
			std::fputs("\033[H\033[J", stdout);
		else if (options.interval && !options.json)
			std::printf("%stime %s\n", before ? "\n" : "", time_of_day().c_str());
		if (options.json)
			show_json(now);
		else
			show(now, before, screen);
		if (std::fflush(stdout) != 0)
			return complain("cannot write 'standard output'", last_error());
		if (!options.interval)
			return 0;
		before = std::move(now);
		std::this_thread::sleep_for(*options.interval);
	}
}

} // namespace

int stat_command(int argc, char **argv)
{
	static const option long_options[] = {
		{"interval", required_argument, nullptr, 'i'},
		{"once", no_argument, nullptr, 'o'},
		{"json", no_argument, nullptr, 'j'},
		{"prometheus", no_argument, nullptr, 'p'},
		{"sysroot", required_argument, nullptr, 's'},
		{"help", no_argument, nullptr, 'h'},
		{},
	};
	Options options;
	bool once = false;

	for (int c; (c = ::getopt_long(argc, argv, "h", long_options, nullptr)) != -1;) {
		if (c == 'i') {
			options.interval = parse_seconds(optarg);
			if (!options.interval || options.interval->count() == 0)
				return complain("invalid interval '" + std::string(optarg) + "'"),
				       usage_error;
		} else if (c == 'o') {
			once = true;
		} else if (c == 'j') {
			options.json = true;
		} else if (c == 'p') {
			options.prometheus = true;
		} else if (c == 's') {
			options.sysroot = optarg;
		} else {
			print_usage(c == 'h' ? stdout : stderr, "stat");
			return c == 'h' ? 0 : usage_error;
		}
	}
	if (optind != argc) {
		print_usage(stderr, "stat");
		return usage_error;
	}
	if (options.prometheus)
		return show_metrics(options);
	if (once)
		options.interval.reset();
	else if (!options.interval && !options.json && ::isatty(STDOUT_FILENO))
		options.interval = std::chrono::seconds(1);
	return run(options);
}
