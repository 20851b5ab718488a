// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <string>
#include <system_error>

/** The counters of the module by name. */
using Counters = std::map<std::string, std::uint64_t>;

/** Where the module shows its counters: a file each. */
constexpr const char *counters_directory = "/sys/class/misc/privpipe/stats";

/** @return what the files in a directory say; an error if one can't be opened, as by others than
 * root */
std::expected<Counters, std::error_code>
read_counters(const std::string &directory = counters_directory);
