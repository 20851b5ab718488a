/* SPDX-License-Identifier: GPL-2.0 */
#ifndef PRIVPIPE_TEE_H
#define PRIVPIPE_TEE_H

#include <linux/fs.h>

struct privpipe_tee;

long pp_tee(struct file *called_on, const struct privpipe_tee *arg, bool nowait);

#endif /* PRIVPIPE_TEE_H */
