/* SPDX-License-Identifier: GPL-2.0 */
/* sendfile without a pipe. */
#ifndef PRIVPIPE_SENDFILE_H
#define PRIVPIPE_SENDFILE_H

struct pp_call;

long pp_sendfile(struct pp_call *call);

#endif /* PRIVPIPE_SENDFILE_H */
