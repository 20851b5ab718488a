// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <string>

/** The counters of a module by name. */
using Counters = std::map<std::string, std::uint64_t>;

/** Where privpipe shows its counters: a file each. */
constexpr const char *counters_directory = "/sys/class/misc/privpipe/stats";

/** The counters of each module that is loaded. */
using AllCounters = std::map<std::string, Counters>;

/** @return what the files in a directory say, or a message */
std::expected<Counters, std::string> read_counters(const std::string &directory);

/**
 * @param sysroot what /sys is below
 * @return the counters of privpipe and privpipe_harden, or a message, also when neither is loaded
 */
std::expected<AllCounters, std::string> read_all_counters(const std::string &sysroot);
