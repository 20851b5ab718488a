// SPDX-License-Identifier: MIT
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

/** @return the number in "4096", "64K" or "1M", or nothing when it is none or too large */
inline std::optional<std::uint64_t> parse_bytes(std::string_view text)
{
	std::uint64_t unit = 1;
	std::uint64_t number = 0;

	if (text.ends_with('K'))
		unit = 1024;
	else if (text.ends_with('M'))
		unit = 1U << 20;
	if (unit > 1)
		text.remove_suffix(1);
	const auto [rest, error] = std::from_chars(text.begin(), text.end(), number);
	if (error != std::errc() || rest != text.end() || number > UINT64_MAX / unit)
		return {};
	return number * unit;
}
