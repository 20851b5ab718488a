/* SPDX-License-Identifier: GPL-2.0 */
/* Things only another process can do: be somebody else, die, hold its own limits. */
#pragma once

#include <functional>
#include <string>

/** Throws unless @true_in_child; its message becomes what in_child() returns. */
void require(bool true_in_child, const std::string &message);

/**
 * Runs @body in a forked child. Returns "" when it returned, what it threw when it threw, and how
 * it died when it died.
 */
[[nodiscard]] std::string in_child(const std::function<void()> &body);

/** The user and the group that become_unprivileged() changes to. */
constexpr unsigned int nobody_in_particular = 54321;

/** For a child: becomes a user without any capability. */
void become_unprivileged();

/** Writes @text to a file in /proc or /sys and puts back what was there when it goes. */
class Setting {
public:
	Setting(std::string path, const std::string &text);
	~Setting();
	Setting(const Setting &) = delete;
	Setting &operator=(const Setting &) = delete;

private:
	std::string path_;
	std::string old_;
};
