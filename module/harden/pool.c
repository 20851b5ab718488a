// SPDX-License-Identifier: GPL-2.0
/* Folios to use again, as privpipe.ko has them: both modules can be there, or one. */
#include "../pool.c"
