// SPDX-License-Identifier: MIT
#pragma once

#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

/** @return the number in "4096", "64K", "1m" or "1G", or nothing when it is none or too large */
inline std::optional<std::uint64_t> parse_bytes(std::string_view text)
{
	constexpr std::string_view units = "KMGkmg";
	const std::size_t unit = text.empty() ? units.npos : units.find(text.back());
	const int shift = unit == units.npos ? 0 : 10 * int(1 + unit % 3);
	std::uint64_t number = 0;

	if (shift)
		text.remove_suffix(1);
	const auto [rest, error] = std::from_chars(text.begin(), text.end(), number);
	if (error != std::errc() || rest != text.end() || number > UINT64_MAX >> shift)
		return {};
	return number << shift;
}

/** @return the number of seconds, at most a day, so that no clock overflows */
inline std::optional<std::chrono::duration<double>> parse_seconds(const std::string &text)
{
	char *end;
	const double seconds = std::strtod(text.c_str(), &end);

	if (text.empty() || *end || !(seconds >= 0 && seconds <= 86400))
		return {};
	return std::chrono::duration<double>(seconds);
}
