// SPDX-License-Identifier: GPL-2.0
/* Folios to use again: the source of privpipe.ko, as either module can be loaded alone. */
#include "../module/pool.c"
