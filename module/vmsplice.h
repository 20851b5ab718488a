/* SPDX-License-Identifier: GPL-2.0 */
#ifndef PRIVPIPE_VMSPLICE_H
#define PRIVPIPE_VMSPLICE_H

struct pp_call;

long pp_vmsplice(struct pp_call *call);

#endif /* PRIVPIPE_VMSPLICE_H */
