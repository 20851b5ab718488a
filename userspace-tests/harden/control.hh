/* SPDX-License-Identifier: GPL-2.0 */
/* privpipe_harden.ko, as an administrator handles it. */
#pragma once

#include "support/result.hh"

#include <cstdint>
#include <string>
#include <string_view>

/** The file of a module in /lib, as bytes. */
std::string module_image(const std::string &name = "privpipe_harden");

/** init_module(2) of @image with @parameters such as "mode=audit". */
Result load_image(std::string_view image, const char *parameters = "");

/** Loads the module and waits until every task has changed over. */
Result harden(const char *parameters = "");

/**
 * Disables the livepatch called @name, waits until every task has changed back, and removes the
 * module; a module that only audits is just removed.
 */
Result soften(const std::string &name = "privpipe_harden");

/** Starts to disable the livepatch, and returns at once. */
void disable();
/** True while some tasks have changed over to the livepatch called @name and others have not. */
bool in_transition(const std::string &name = "privpipe_harden");

struct Said {
	int status; /* of its end */
	std::string words;
};

/** Runs @command in a shell. */
Said run(const std::string &command);

/** The value of @key in the systemd unit. */
std::string unit_says(const std::string &key);

/** A counter of the module, such as "file_calls". */
std::uint64_t counter(const std::string &name);

/** The kernel's log since this object was made. */
class KernelLog {
public:
	KernelLog();
	~KernelLog();
	KernelLog(const KernelLog &) = delete;
	KernelLog &operator=(const KernelLog &) = delete;

	/** Whether a line with @words is among it, now or within @seconds. */
	bool says(std::string_view words, int seconds = 0);
	/** All of it, for a message. */
	const std::string &text() const { return text_; }

private:
	void read();

	int fd_;
	std::string text_;
};
