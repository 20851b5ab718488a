/* SPDX-License-Identifier: GPL-2.0 */
#ifndef PRIVPIPE_TEE_H
#define PRIVPIPE_TEE_H

struct pp_call;

long pp_tee(struct pp_call *call);

#endif /* PRIVPIPE_TEE_H */
