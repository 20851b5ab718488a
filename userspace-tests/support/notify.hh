/* SPDX-License-Identifier: GPL-2.0 */
/* Counts the events that inotify reports about one file. */
#pragma once

#include "support/fd.hh"

#include <cstdint>
#include <string>

/** All the IN_* that the non-blocking group @inotify has to report, or-ed. */
uint32_t inotify_events(int inotify);

class Notify {
public:
	/** Watches @path for @events (IN_*). */
	Notify(const std::string &path, uint32_t events);

	/** The events since the last call. */
	uint32_t events();

private:
	Fd inotify_;
};
