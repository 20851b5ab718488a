// SPDX-License-Identifier: MIT
#include "counters.h"
#include "message.h"

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>

namespace fs = std::filesystem;

namespace {

struct Module {
	const char *name;
	const char *directory;
};

constexpr std::array modules{
	Module{"privpipe", counters_directory},
	Module{"privpipe_harden", "/sys/module/privpipe_harden/stats"},
};

std::unexpected<std::string> unreadable(const std::string &name, std::error_code why)
{
	auto message = failed("cannot read", name, why);

	if (why == std::errc::permission_denied)
		message.error() += "; only root can read the counters";
	return message;
}

} // namespace

std::expected<Counters, std::string> read_counters(const std::string &directory)
{
	Counters counters;
	std::error_code error;

	for (fs::directory_iterator file(directory, error), end; file != end;
	     file.increment(error)) {
		std::ifstream stream(file->path());
		if (!stream)
			return unreadable(file->path(), last_error());
		std::uint64_t value;
		if (stream >> value)
			counters[file->path().filename()] = value;
	}
	if (error)
		return unreadable(directory, error);
	return counters;
}

std::expected<AllCounters, std::string> read_all_counters(const std::string &sysroot)
{
	AllCounters all;

	for (const Module &module : modules) {
		std::error_code error;
		const std::string directory = sysroot + module.directory;
		if (fs::status(directory, error).type() == fs::file_type::not_found)
			continue;
		auto counters = read_counters(directory);
		if (!counters)
			return std::unexpected(counters.error());
		all[module.name] = std::move(*counters);
	}
	return all;
}
