// SPDX-License-Identifier: MIT
#include "message.h"

#include <cerrno>
#include <cstdio>

int complain(const std::string &message)
{
	std::fprintf(stderr, "privpipe: %s\n", message.c_str());
	return 1;
}

int complain(const std::string &what, std::error_code why)
{
	return complain(what + ": " + why.message());
}

std::unexpected<std::string> failed(const std::string &operation, const std::string &name,
				    std::error_code why)
{
	return std::unexpected(operation + " '" + name + "': " + why.message());
}

std::error_code last_error()
{
	return {errno, std::generic_category()};
}

std::string human(double bytes)
{
	const char *unit = "bytes";

	for (const char *next : {"KiB", "MiB", "GiB", "TiB"}) {
		if (bytes < 1024)
			break;
		bytes /= 1024;
		unit = next;
	}
	char text[32];
	std::snprintf(text, sizeof(text), *unit == 'b' ? "%.0f %s" : "%.1f %s", bytes, unit);
	return text;
}
