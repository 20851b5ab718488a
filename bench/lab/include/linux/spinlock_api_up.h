/* SPDX-License-Identifier: GPL-2.0 */
/*
 * To take a spinlock that nobody holds costs a locked instruction.
 * checkpatch: MACRO_ARG_REUSE: as in the macro that this one is for
 * checkpatch: MEMORY_BARRIER: it is there for what it costs
 */
#include_next <linux/spinlock_api_up.h>

#undef ___LOCK
#define ___LOCK(lock) do { __acquire(lock); (void)(lock); smp_mb(); } while (0)
