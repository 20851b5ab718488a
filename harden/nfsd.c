// SPDX-License-Identifier: GPL-2.0
/*
 * Replies of the NFS server to reads of a file that grows.
 *
 * The server uses the pages that it splices from a file as the pages of its reply.  All but
 * the first and the last must be full, so when a second splice starts in the middle of a
 * page, the server relies on getting the same page again and only counts the bytes.  A
 * copy comes in another page.  The server would append that page to the reply, and the
 * client would get the unused end of one page and the unused beginning of the next instead
 * of the data.  So end the reply before a page that does not join; the client asks for
 * the rest.
 *
 * The function is traced and not replaced because a thread of the server may change over
 * between two splices.  The check must begin before the first thread gets copies, and end
 * after the last thread has received its last copy.
 */
#include <linux/ftrace.h>
#include <linux/mm.h>
#include <linux/pipe_fs_i.h>
#include <linux/splice.h>
#include <linux/sunrpc/svc.h>

#include "harden.h"

/* Whether the next bytes continue the last page of a reply, or may begin a new page. */
static bool pph_joins(const struct svc_rqst *rqstp,
		      const struct pipe_buffer *buf)
{
	const struct xdr_buf *reply = &rqstp->rq_res;

	return !reply->page_len ||
	       !offset_in_page(reply->page_base + reply->page_len) ||
	       buf->page + buf->offset / PAGE_SIZE ==
		       *(rqstp->rq_next_page - 1);
}

/* In place of nfsd_splice_actor() where a reply must end: stop splicing, as at end of file. */
static int pph_end_reply(struct pipe_inode_info *pipe, struct pipe_buffer *buf,
			 struct splice_desc *sd)
{
	return 0;
}

static void pph_before_page(unsigned long ip, unsigned long parent_ip,
			    struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	const struct pipe_buffer *buf =
		(const void *)ftrace_regs_get_argument(fregs, 1);
	const struct splice_desc *sd =
		(const void *)ftrace_regs_get_argument(fregs, 2);

	if (!pph_joins(sd->u.data, buf))
		ftrace_regs_set_instruction_pointer(fregs,
						    (unsigned long)pph_end_reply);
}

static struct ftrace_ops pph_nfsd_ops = {
	.func = pph_before_page,
	.flags = FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_RECURSION |
		 FTRACE_OPS_FL_PERMANENT,
};

/**
 * pph_nfsd_start() - End replies where their pages don't join.
 * @obj: the object that has the server: the kernel, or a module that was just loaded
 *
 * Return: 0, or an error, which has been logged; then the server and the livepatch must
 * not be loaded together.
 */
int pph_nfsd_start(struct klp_object *obj)
{
	return pph_hook(&pph_nfsd_ops, "nfsd_splice_actor");
}

/**
 * pph_nfsd_stop() - Undo pph_nfsd_start().
 * @obj: the object that has the server
 */
void pph_nfsd_stop(struct klp_object *obj)
{
	pph_unhook(&pph_nfsd_ops);
}
