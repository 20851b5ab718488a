/* SPDX-License-Identifier: GPL-2.0 */
#ifndef PRIVPIPE_SENDFILE_H
#define PRIVPIPE_SENDFILE_H

#include <linux/fs.h>

struct privpipe_sendfile;

long pp_sendfile(struct file *called_on, struct privpipe_sendfile *arg,
		 bool nowait);

#endif /* PRIVPIPE_SENDFILE_H */
