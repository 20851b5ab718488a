/* SPDX-License-Identifier: GPL-2.0 */
/* Sockets as sources and targets. */
#ifndef PRIVPIPE_SOCKET_H
#define PRIVPIPE_SOCKET_H

#include <linux/bvec.h>
#include <linux/fs.h>

#include "page.h"

ssize_t pp_socket_receive(struct file *in, loff_t *pos, struct pp_stage *stage,
			  unsigned int flags);
ssize_t pp_socket_send(struct file *out, const struct iov_iter *from, int flags);
bool pp_worth_handing(const struct bio_vec *bvec, unsigned int nr);

#endif /* PRIVPIPE_SOCKET_H */
