// SPDX-License-Identifier: MIT
#include "counters.h"

#include <filesystem>
#include <fstream>

std::expected<Counters, std::error_code> read_counters(const std::string &directory)
{
	Counters counters;
	std::error_code error;

	for (std::filesystem::directory_iterator file(directory, error), end; file != end;
	     file.increment(error)) {
		std::uint64_t value;
		if (std::ifstream(file->path()) >> value)
			counters[file->path().filename()] = value;
	}
	if (error)
		return std::unexpected(error);
	return counters;
}
