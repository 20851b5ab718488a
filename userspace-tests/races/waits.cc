// SPDX-License-Identifier: GPL-2.0
/* Each call that can wait, ended by signals. */
#include "races/scenarios.hh"

#include "pipe/backend.hh"
#include "pipe/pipe.hh"
#include "races/round.hh"
#include "support/files.hh"

#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <csignal>

namespace {

/* Pipes on which a call waits. */
struct Waiting {
	Pipe empty = make_pipe();
	Pipe full = make_pipe();
	Pipe as_full = make_pipe();
	Pipe stock = make_stock_pipe();
	Pipe full_stock = make_stock_pipe();
	File file{on_tmpfs, pattern(page_size)};
	Fd near, far; /* of a socket */

	Waiting()
	{
		std::array<int, 2> ends;

		checked(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()),
			"socketpair");
		near = Fd(ends[0]);
		far = Fd(ends[1]);
		for (const Pipe *pipe : {&full, &as_full, &full_stock})
			fill(*pipe);
	}
};

/* Keeps others from reading @pipe, in a child that goes with this one. */
pid_t start_draining(const Pipe &pipe, const Fd &socket)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			do_splice(pipe.in(), socket.get(), 1 << 30);
	}
	return pid;
}

char byte;

const iovec one_byte = {&byte, 1};

/* Some wait only when they have been called often enough. */
constexpr void (*calls_that_wait[])(const Waiting &on) = {
	[](const Waiting &on) { static_cast<void>(!read(on.empty.in(), &byte, 1)); },
	[](const Waiting &on) { static_cast<void>(!write(on.full.out(), &byte, 1)); },
	[](const Waiting &on) { do_splice(on.empty.in(), on.file.fd(), 1); },
	[](const Waiting &on) { do_splice(on.file.fd(), on.full.out(), 1); },
	[](const Waiting &on) { do_splice(on.near.get(), on.empty.out(), 1); },
	[](const Waiting &on) { do_splice(on.full.in(), on.near.get(), 1 << 30); },
	[](const Waiting &on) { do_splice(on.empty.in(), on.full.out(), 1); },
	[](const Waiting &on) { do_splice(on.full.in(), on.as_full.out(), 1); },
	[](const Waiting &on) { do_tee(on.empty.in(), on.full.out(), 1); },
	[](const Waiting &on) { do_tee(on.full.in(), on.as_full.out(), 1); },
	[](const Waiting &on) { backend().vmsplice(on.full.out(), &one_byte, 1, 0); },
	[](const Waiting &on) { backend().vmsplice(on.empty.in(), &one_byte, 1, 0); },
	[](const Waiting &on) {
		off64_t start = 0;

		backend().sendfile(on.near.get(), on.file.fd(), &start, page_size);
	},
	[](const Waiting &on) {
		static_cast<void>(!sendfile(on.full.out(), on.file.fd(), nullptr, 1));
	},
	[](const Waiting &on) {
		splice(on.full_stock.in(), nullptr, on.full.out(), nullptr, 1, 0);
	},
	[](const Waiting &on) { splice(on.empty.in(), nullptr, on.stock.out(), nullptr, 1, 0); },
	[](const Waiting &on) {
		[[maybe_unused]] static const pid_t drainer = start_draining(on.full, on.near);

		static_cast<void>(!read(on.full.in(), &byte, 1));
	},
};

/* A call that waits for ever, in a child: signals end it, the last one the child, too. */
void die_waiting()
{
	Waiting on;
	auto *call = calls_that_wait[random_below(std::size(calls_that_wait))];
	pid_t pid = checked(fork(), "fork");

	if (pid == 0)
		for (;;)
			call(on);
	for (int signal : {SIGUSR1, SIGUSR1, SIGKILL}) {
		usleep(static_cast<useconds_t>(random_below(3000)));
		kill(pid, signal);
	}
	while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR)
		;
}

} // namespace

void signals_in_every_wait(double seconds)
{
	Round round;

	round.loop(die_waiting);
	round.loop(die_waiting);
	round.run_for(seconds);
}
