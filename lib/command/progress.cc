// SPDX-License-Identifier: MIT
#include "progress.h"
#include "message.h"

#include <algorithm>
#include <cstdio>

void Progress::start(std::optional<std::uint64_t> expected)
{
	expected_ = expected;
	start_ = Clock::now();
	next_ = start_ + pause;
}

void Progress::add(std::uint64_t bytes)
{
	done_ += bytes;
	if (!shown_ || Clock::now() < next_)
		return;
	next_ = Clock::now() + pause;

	std::string line = human(double(done()));
	if (expected_)
		line += " of " + human(double(*expected_)) + ", " +
			std::to_string(100 * done() / *expected_) + "%";
	std::fprintf(stderr, "\r%s, %s/s\033[K", line.c_str(),
		     human(double(done()) / seconds()).c_str());
}

void Progress::finish()
{
	if (shown_)
		std::fputs("\r\033[K", stderr);
}

std::string Progress::summary() const
{
	char text[128];

	std::snprintf(text, sizeof(text), "%llu bytes (%s) in %.2f s, %s/s",
		      static_cast<unsigned long long>(done()), human(double(done())).c_str(),
		      seconds(), human(double(done()) / seconds()).c_str());
	return text;
}

double Progress::seconds() const
{
	// Never 0, because the rate is divided by it.
	return std::max(std::chrono::duration<double>(Clock::now() - start_).count(), 1e-6);
}
