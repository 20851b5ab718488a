// SPDX-License-Identifier: MIT
#include "counters.h"
#include "message.h"

#include <filesystem>
#include <fstream>

std::expected<Counters, std::error_code> read_counters(const std::string &directory)
{
	Counters counters;
	std::error_code error;

	for (std::filesystem::directory_iterator file(directory, error), end; file != end;
	     file.increment(error)) {
		std::uint64_t value;
		std::ifstream stream(file->path());
		if (!stream)
			return std::unexpected(last_error());
		if (stream >> value)
			counters[file->path().filename()] = value;
	}
	if (error)
		return std::unexpected(error);
	return counters;
}
