// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts from other CPUs, without system calls of the host.
 *
 * With several CPUs, User-Mode Linux asks the host to block a signal whenever the
 * kernel disables interrupts, and to unblock it afterwards.  Where a real CPU needs
 * an instruction, that takes most of the time of a TCP connection.  Here the
 * signal's handler notes what has come meanwhile, as User-Mode Linux does with its
 * other signals.  This is libc's world.
 */
#include <errno.h>
#include <signal.h>

#include <kern_util.h>
#include <os.h>
#include <smp.h>

#include "internal.h"
#include "ipi.h"

/* Of this CPU.  It blocks the signal while it is idle, and at first. */
static __thread int blocked = 1;
static __thread unsigned int pending;

static void mask(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, IPI_SIGNAL);
	sigprocmask(how, &set, NULL);
}

/* Handle what has come.  Interrupts are enabled. */
static void handle(void)
{
	unsigned int vectors;

	while ((vectors = __atomic_exchange_n(&pending, 0, __ATOMIC_SEQ_CST))) {
		signals_enabled = 0;
		um_trace_signals_off();
		for (; vectors; vectors &= vectors - 1)
			uml_ipi_handler(__builtin_ctz(vectors));
		um_trace_signals_on();
		signals_enabled = 1;
	}
}

static void signal_handler(int sig, siginfo_t *si, void *uc)
{
	int save_errno = errno;

	__atomic_or_fetch(&pending, 1U << si->si_value.sival_int, __ATOMIC_SEQ_CST);
	if (signals_enabled) {
		/* Here the host blocks it; softirqs want to hear of others. */
		blocked = 1;
		handle();
		blocked = 0;
	}
	errno = save_errno;
}

/* In place of os_local_ipi_enable(), with signals_enabled set. */
void lab_ipi_enable(void)
{
	if (blocked) {
		blocked = 0;
		mask(SIG_UNBLOCK);
	}
	if (pending)
		handle();
}

/* Let the signal wait from now on: nobody looks for it before this CPU sleeps. */
int lab_ipi_block(void)
{
	if (!blocked) {
		mask(SIG_BLOCK);
		blocked = 1;
	}
	return pending;
}

void lab_ipi_install(void)
{
	struct sigaction action = {
		.sa_sigaction = signal_handler,
		.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART,
	};

	sigfillset(&action.sa_mask);
	if (sigaction(IPI_SIGNAL, &action, NULL) < 0)
		panic("lab: no handler for interrupts: %d", errno);
}
