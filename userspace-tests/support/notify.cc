// SPDX-License-Identifier: GPL-2.0
#include "support/notify.hh"

#include <sys/inotify.h>

#include <array>
#include <cstring>

uint32_t inotify_events(int inotify)
{
	alignas(inotify_event) std::array<char, 4096> buffer;
	uint32_t all = 0;

	for (ssize_t size; (size = read(inotify, buffer.data(), buffer.size())) > 0;)
		for (ssize_t at = 0; at < size;) {
			inotify_event event;

			memcpy(&event, buffer.data() + at, sizeof(event));
			all |= event.mask;
			at += static_cast<ssize_t>(sizeof(event) + event.len);
		}
	return all;
}

Notify::Notify(const std::string &path, uint32_t events)
	: inotify_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC), "inotify_init1")
{
	checked(inotify_add_watch(inotify_.get(), path.c_str(), events), "inotify_add_watch");
}

uint32_t Notify::events()
{
	return inotify_events(inotify_.get());
}
