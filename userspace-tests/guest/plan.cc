// SPDX-License-Identifier: GPL-2.0
#include "plan.hh"

#include <fstream>
#include <iterator>
#include <sstream>

Tally &Tally::operator+=(const Tally &other)
{
	passed += other.passed;
	failed += other.failed;
	skipped += other.skipped;
	return *this;
}

std::string Tally::text() const
{
	return std::to_string(passed) + " passed, " + std::to_string(failed) + " failed, " +
	       std::to_string(skipped) + " skipped";
}

std::vector<Suite> read_plan(const char *path)
{
	std::vector<Suite> plan;
	std::ifstream file(path);

	for (std::string line; std::getline(file, line);) {
		std::istringstream words(line);
		Suite suite;

		words >> suite.kind >> suite.name >> suite.seconds;
		suite.argv.assign(std::istream_iterator<std::string>(words), {});
		if (!suite.kind.empty() && suite.kind[0] != '#')
			plan.push_back(suite);
	}
	return plan;
}

Tally read_report(const std::string &path)
{
	Tally tally;
	bool counted = false;
	std::ifstream file(path);

	// The writer puts each member on a line of its own and escapes the quotes in messages, so
	// lines tell enough. A test's array of failures follows its result.
	for (std::string line; std::getline(file, line);) {
		line.erase(0, line.find_first_not_of(' '));
		if (line.starts_with("\"result\": \"COMPLETED\"")) {
			tally.passed++;
			counted = true;
		} else if (line.starts_with("\"result\": ")) {
			tally.skipped++;
			counted = false;
		} else if (line.starts_with("\"failures\": [")) {
			(counted ? tally.passed : tally.skipped)--;
			tally.failed++;
		}
	}
	return tally;
}
