/* SPDX-License-Identifier: GPL-2.0 */
#ifndef PRIVPIPE_SENDFILE_H
#define PRIVPIPE_SENDFILE_H

#include <linux/types.h>

struct privpipe_sendfile;

long pp_sendfile(struct privpipe_sendfile *arg, bool nowait);

#endif /* PRIVPIPE_SENDFILE_H */
