/* SPDX-License-Identifier: GPL-2.0 */
/* User memory as source and target. */
#ifndef PRIVPIPE_USER_H
#define PRIVPIPE_USER_H

#include <linux/fs.h>

struct pp_call;

ssize_t pp_read_iter(struct kiocb *iocb, struct iov_iter *to);
ssize_t pp_write_iter(struct kiocb *iocb, struct iov_iter *from);
long pp_vmsplice(struct pp_call *call);

#endif /* PRIVPIPE_USER_H */
