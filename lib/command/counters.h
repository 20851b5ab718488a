// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <string>

/** The counters of a module by name. */
using Counters = std::map<std::string, std::uint64_t>;

/** The directory of privpipe's counters, which has a file for each. */
constexpr const char *counters_directory = "/sys/class/misc/privpipe/stats";

/** The counters of each module that is loaded. */
using AllCounters = std::map<std::string, Counters>;

/** @return the numbers in the files of a directory, or an error message */
std::expected<Counters, std::string> read_counters(const std::string &directory);

/**
 * @param sysroot the directory that contains /sys
 * @return the counters of privpipe and privpipe_harden, or an error message
 */
std::expected<AllCounters, std::string> read_all_counters(const std::string &sysroot);

struct HardenStatus;

/** Prints counters and the state of privpipe_harden as node_exporter's textfile collector wants. */
void show_prometheus(const AllCounters &counters, const HardenStatus &harden);
