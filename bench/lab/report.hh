/* SPDX-License-Identifier: GPL-2.0 */
/* The lab's figures, and how two ways of doing a thing compare. */
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <ostream>
#include <string>
#include <vector>

using Samples = std::vector<double>;
using Names = std::vector<std::string>;

/** One way of moving the bytes of a case. */
struct Arm {
	std::string name;
	Samples ns;                                       // of each round, for 4 KiB
	double taken = 0, copied = 0, read = 0, held = 0; // bytes
	double pinned = 0, largest = 0; // bytes: by a full pipe, and by one folio in it
};

/** A path for the bytes and the sizes. */
struct Case {
	std::string title, path, fs, cache;
	double chunk, ring, pipes, size;
	double folios;           // largest in the page cache; 0 if the file system chooses
	std::string tasks, time; // empty if one task does all: then the time is its CPU time
	std::vector<Arm> arms;

	/** Whether it measures the memory of a full pipe, and no speed. */
	bool pins() const { return path.starts_with("pin-"); }
	const Arm *find(const std::string &name) const
	{
		for (const Arm &arm : arms)
			if (arm.name == name)
				return &arm;
		return nullptr;
	}
};

/** Formats as printf() does. */
[[gnu::format(printf, 1, 2)]] inline std::string text(const char *format, ...)
{
	char buffer[512];
	va_list args;
	va_start(args, format);
	std::vsnprintf(buffer, sizeof(buffer), format, args);
	va_end(args);
	return buffer;
}

/** A median, and the interval in which it lies with a certainty of 95 %. */
struct Middle {
	double median, low, high;
	bool sure; // there are enough samples for such an interval

	explicit Middle(Samples s) : sure(s.size() >= 6)
	{
		std::sort(s.begin(), s.end());
		const auto n = s.size();
		const auto rank = std::max(0.0, n / 2.0 - 0.98 * std::sqrt(n) - 0.5);
		median = s[n / 2];
		low = s[size_t(rank)];
		high = s[n - 1 - size_t(rank)];
	}
	bool equal() const { return low <= 1 && 1 <= high; }
	std::string print() const
	{
		if (!sure)
			return text("%.2f", median);
		return text("%.2f (%.2f to %.2f)%s", median, low, high, equal() ? " =" : "");
	}
};

/** How fast arm @name is compared with arm @against: a ratio of rates for each round. */
inline Samples rates(const Case &one, const std::string &name, const std::string &against)
{
	const Arm *arm = one.find(name), *other = one.find(against);
	Samples pairs;
	if (arm && other)
		for (size_t i = 0; i < std::min(arm->ns.size(), other->ns.size()); i++)
			pairs.push_back(other->ns[i] / arm->ns[i]);
	return pairs;
}

/** Draws lab.svg: for each of @cases how fast its arms and @series' are compared with stock. */
void print_plot(std::ostream &out, const std::vector<Case> &cases, const Names &series);
