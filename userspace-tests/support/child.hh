/* SPDX-License-Identifier: GPL-2.0 */
/* Things only another process can do: be somebody else, die, hold its own limits. */
#pragma once

#include <functional>
#include <string>

/** Throws unless @true_in_child; in_child() then returns the message. */
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

/** Writes @text to a file in /proc or /sys; the destructor restores the old content. */
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
