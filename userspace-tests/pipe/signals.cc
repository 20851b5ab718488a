// SPDX-License-Identifier: GPL-2.0
#include "pipe/signals.hh"

#include "pipe/backend.hh"

#include <array>
#include <atomic>

static std::array<std::atomic<int>, NSIG> counts;

static void count_signal(int signal)
{
	counts[static_cast<size_t>(signal)]++;
}

CatchSignal::CatchSignal(int signal, int flags) : signal_(signal)
{
	struct sigaction action = {};

	counts[static_cast<size_t>(signal)] = 0;
	action.sa_handler = count_signal;
	action.sa_flags = flags;
	sigaction(signal, &action, &old_);
}

CatchSignal::~CatchSignal()
{
	sigaction(signal_, &old_, nullptr);
}

int CatchSignal::count() const
{
	return counts[static_cast<size_t>(signal_)];
}

bool was_sent(const CatchSignal &caught)
{
	return caught.count() || !expected().signals_caller;
}

AwaitSignal::AwaitSignal(int signal)
{
	sigemptyset(&set_);
	sigaddset(&set_, signal);
	pthread_sigmask(SIG_BLOCK, &set_, &old_);
}

AwaitSignal::~AwaitSignal()
{
	while (pending())
		;
	pthread_sigmask(SIG_SETMASK, &old_, nullptr);
}

bool AwaitSignal::wait(siginfo_t *info)
{
	const timespec limit = {.tv_sec = 10, .tv_nsec = 0};

	return sigtimedwait(&set_, info, &limit) >= 0;
}

bool AwaitSignal::pending()
{
	const timespec no_time = {};

	return sigtimedwait(&set_, nullptr, &no_time) >= 0;
}
