/* SPDX-License-Identifier: GPL-2.0 */
#ifndef PRIVPIPE_VMSPLICE_H
#define PRIVPIPE_VMSPLICE_H

#include <linux/fs.h>

struct privpipe_vmsplice;

long pp_vmsplice(struct file *file, const struct privpipe_vmsplice *arg,
		 bool nowait);

#endif /* PRIVPIPE_VMSPLICE_H */
