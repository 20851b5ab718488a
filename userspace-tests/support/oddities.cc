// SPDX-License-Identifier: GPL-2.0
#include "support/oddities.hh"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

std::vector<Oddity> unspliceable()
{
	std::vector<Oddity> all;
	sigset_t none;
	auto add = [&](const char *name, int fd) { all.push_back({name, Fd(fd, name)}); };

	sigemptyset(&none);
	add("epoll", epoll_create1(EPOLL_CLOEXEC));
	add("eventfd", eventfd(1, EFD_CLOEXEC));
	add("timerfd", timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
	add("signalfd", signalfd(-1, &none, SFD_CLOEXEC));
	add("inotify", inotify_init1(IN_CLOEXEC));
	add("pidfd", static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)));
	add("directory", open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	return all;
}
