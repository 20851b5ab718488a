/* SPDX-License-Identifier: GPL-2.0 */
/* How large pipes and arenas may be. */
#ifndef PRIVPIPE_LIMITS_H
#define PRIVPIPE_LIMITS_H

#define PP_DEF_PAGES	16	/* PIPE_DEF_BUFFERS */

struct user_struct;

unsigned int pp_round_pages(unsigned int size);

int pp_charge(struct user_struct *user, unsigned long pages);
int pp_charge_pipe(struct user_struct *user, unsigned int size, unsigned int *pages);
int pp_recharge(struct user_struct *user, unsigned int from, unsigned int to);
void pp_uncharge(struct user_struct *user, unsigned long pages);

#endif /* PRIVPIPE_LIMITS_H */
