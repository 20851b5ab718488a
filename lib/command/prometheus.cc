// SPDX-License-Identifier: MIT
#include "counters.h"
#include "harden.h"

#include <cstdio>

namespace {

void describe(const std::string &name, const char *type, const std::string &help)
{
	std::printf("# HELP %s %s\n# TYPE %s %s\n", name.c_str(), help.c_str(), name.c_str(), type);
}

void show_state(Hardening state)
{
	const std::string name = "privpipe_harden_state";

	describe(name, "gauge", "Whether privpipe_harden(4) is in that state.");
	for (const Hardening each : all_hardenings)
		std::printf("%s{state=\"%s\"} %d\n", name.c_str(), name_of(each), each == state);
}

void show_counter(const std::string &module, const std::string &counter, std::uint64_t value)
{
	const std::string name = module + "_" + counter + "_total";

	describe(name, "counter", "The counter " + counter + " of " + module + "(4).");
	std::printf("%s %llu\n", name.c_str(), static_cast<unsigned long long>(value));
}

// Counters called PATH_UNIT become one metric with the path as a label.
void show_paths(const Counters &counters, const std::string &unit, const std::string &help)
{
	const std::string name = "privpipe_harden_" + unit + "_total";
	const std::string suffix = "_" + unit;

	describe(name, "counter", help);
	for (const auto &[counter, value] : counters)
		if (counter.ends_with(suffix))
			std::printf("%s{path=\"%s\"} %llu\n", name.c_str(),
				    counter.substr(0, counter.size() - suffix.size()).c_str(),
				    static_cast<unsigned long long>(value));
}

} // namespace

void show_prometheus(const AllCounters &counters, const HardenStatus &harden)
{
	show_state(harden.state);
	for (const auto &[module, values] : counters) {
		if (module == "privpipe_harden") {
			show_paths(values, "calls",
				   "Calls that copied into a pipe, or in audit mode would have.");
			show_paths(values, "bytes", "Bytes copied into pipes.");
			continue;
		}
		for (const auto &[counter, value] : values)
			show_counter(module, counter, value);
	}
}
