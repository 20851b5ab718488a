/* SPDX-License-Identifier: GPL-2.0 */
/* Atomic operations are locked, as in a kernel for more than one CPU. */
#include_next <asm/alternative.h>

#ifndef __ASSEMBLER__
#undef LOCK_PREFIX
#define LOCK_PREFIX "\n\tlock "
#endif
