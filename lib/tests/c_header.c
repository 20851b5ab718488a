/* SPDX-License-Identifier: MIT */
/* The header is C, and C++, of any standard, and complete by itself. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <privpipe/privpipe.h>

ssize_t (*const c_splice)(int, int, int64_t *, int, int64_t *, size_t, unsigned int,
			  enum privpipe_policy) = privpipe_splice;
