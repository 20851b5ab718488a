/* SPDX-License-Identifier: GPL-2.0 */
/* pwritev2() takes RWF_NOSIGNAL in 7.x; the VFS of 6.12 refuses that. */
#ifndef PRIVPIPE_COMPAT_IOCB_H
#define PRIVPIPE_COMPAT_IOCB_H

#include <linux/fs.h>

#ifndef IOCB_NOSIGNAL
#define IOCB_NOSIGNAL 0
#endif

#endif /* PRIVPIPE_COMPAT_IOCB_H */
