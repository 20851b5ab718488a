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
 * @return the counters of privpipe and privpipe_harden, or an error message, also if neither is
 *         loaded
 */
std::expected<AllCounters, std::string> read_all_counters(const std::string &sysroot);
