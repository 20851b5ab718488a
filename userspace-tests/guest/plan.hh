/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest's plan: one line per suite,
 *
 *	KIND NAME SECONDS PROGRAM [ARGUMENT...]
 *
 * where KIND is `gtest` (a GoogleTest program: its report says how many tests passed) or `run` (any
 * program: its exit status counts as one test), and SECONDS is the time limit. `shell` alone on a
 * line starts an interactive shell. PROGRAM is looked up in /bin; lines that start with # are
 * comments.
 */
#pragma once

#include <string>
#include <vector>

/** How many tests came out which way. */
struct Tally {
	int passed = 0;
	int failed = 0;
	int skipped = 0;

	Tally &operator+=(const Tally &other);
	std::string text() const;
};

struct Suite {
	std::string kind;
	std::string name;
	int seconds = 0;
	std::vector<std::string> argv;
};

/** The suites in the file @p path, in its order. */
std::vector<Suite> read_plan(const char *path);

/**
 * Counts the tests in the report that --gtest_output=json:@p path left. A test that was disabled
 * counts as skipped. Without a report, or with an empty one, nothing passed, failed or was skipped.
 */
Tally read_report(const std::string &path);
