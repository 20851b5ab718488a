// SPDX-License-Identifier: MIT
#include "interrupt.h"
#include "progress.h"
#include "replacement.h"

#include <array>
#include <charconv>
#include <cstring>
#include <unistd.h>

namespace {

constexpr std::array signals{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
const Progress *watched;

sigset_t all_of_them()
{
	sigset_t set;

	sigemptyset(&set);
	for (const int signal : signals)
		sigaddset(&set, signal);
	return set;
}

// A signal handler can use neither allocation nor stdio.
void say(const char *text)
{
	(void)!::write(STDERR_FILENO, text, std::strlen(text));
}

void stop(int signal)
{
	std::array<char, 32> number{};

	std::to_chars(number.begin(), number.end() - 1, watched->done());
	remove_unfinished();
	if (watched->shown())
		say("\r\033[K");
	say("privpipe: stopped by SIG");
	say(::sigabbrev_np(signal));
	say(" after ");
	say(number.data());
	say(" bytes\n");
	// SA_RESETHAND has restored the default action, which ends the process after this handler.
	::raise(signal);
}

} // namespace

Interrupt::Interrupt(const Progress &progress)
{
	struct sigaction action{};
	struct sigaction before;

	watched = &progress;
	action.sa_handler = stop;
	action.sa_mask = all_of_them();
	action.sa_flags = int(SA_RESETHAND);
	for (const int signal : signals)
		if (::sigaction(signal, nullptr, &before) == 0 && before.sa_handler != SIG_IGN)
			::sigaction(signal, &action, nullptr);
}

Interrupt::~Interrupt()
{
	struct sigaction before;

	for (const int signal : signals)
		if (::sigaction(signal, nullptr, &before) == 0 && before.sa_handler == stop)
			::signal(signal, SIG_DFL);
}

Uninterrupted::Uninterrupted()
{
	const sigset_t set = all_of_them();

	::sigprocmask(SIG_BLOCK, &set, &before_);
}

Uninterrupted::~Uninterrupted()
{
	::sigprocmask(SIG_SETMASK, &before_, nullptr);
}
