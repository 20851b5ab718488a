/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A full barrier is one for other CPUs, too.
 * checkpatch: COMPLEX_MACRO: it is a statement
 */
#define smp_mb() asm volatile("lock; addl $0,-4(%%rsp)" ::: "memory", "cc")

#include_next <asm/barrier.h>
