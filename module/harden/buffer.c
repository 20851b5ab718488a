// SPDX-License-Identifier: GPL-2.0
/*
 * What sockets and the FUSE device put into pipes, by copies.
 */
#include <linux/mm.h>
#include <linux/skbuff.h>
#include <net/sock.h>

#include "harden.h"
#include "pipe.h"

/*
 * Sockets
 */

/**
 * pph_skb_splice_bits() - In place of skb_splice_bits().
 * @skb: what was received
 * @sk: the socket, locked
 * @offset: first byte
 * @pipe: the pipe, locked
 * @len: bytes at the most
 * @flags: SPLICE_F_*, not used
 *
 * What TCP, Unix, KCM and TLS sockets call in their ->splice_read; other sockets
 * have none and are read.
 *
 * Return: bytes, or an error when there are none.
 */
int pph_skb_splice_bits(struct sk_buff *skb, struct sock *sk,
			unsigned int offset, struct pipe_inode_info *pipe,
			unsigned int len, unsigned int flags)
{
	/* As the socket's own memory: it may serve a block device. */
	struct pph_supply supply = { .gfp = sk->sk_allocation };
	int ret = 0, done = 0;

	if (!pipe->readers)
		return pph_no_readers();
	while (len) {
		unsigned int n = min_t(unsigned int, len, PAGE_SIZE);
		size_t room = (size_t)pph_room(pipe) * PAGE_SIZE;
		struct page *page;

		ret = -EAGAIN;
		if (!room)
			break;
		page = pph_page_get(&supply, min(len, room));
		ret = -ENOMEM;
		if (!page)
			break;
		ret = skb_copy_bits(skb, offset, page_address(page), n);
		if (ret) {
			put_page(page);
			break;
		}
		pph_push(pipe, page, 0, n);
		offset += n;
		len -= n;
		done += n;
	}
	pph_supply_end(&supply);
	ret = done ?: ret;
	pph_count(PPH_SOCKET, ret);
	return ret;
}

/*
 * FUSE
 */

/**
 * pph_page_is_private() - Whether a page on its way into a pipe is nobody else's.
 * @page: the page
 *
 * Return: true for a page that has no owner and one reference, the caller's.
 */
bool pph_page_is_private(struct page *page)
{
	struct folio *folio = page_folio(page);

	return folio_ref_count(folio) == 1 && !READ_ONCE(folio->mapping);
}

/* Give a buffer that is not in a pipe yet a page of its own. */
static int pph_copy_buffer(struct pipe_inode_info *pipe,
			   struct pipe_buffer *buf)
{
	unsigned int offset = offset_in_page(buf->offset);
	struct pipe_buffer copy = {
		.offset = offset,
		.len = buf->len,
		.ops = &nosteal_pipe_buf_ops,
		.flags = buf->flags & PIPE_BUF_FLAG_PACKET,
	};
	int ret;

	ret = pipe_buf_confirm(pipe, buf);
	if (ret)
		return ret;
	copy.page = alloc_pages(GFP_KERNEL_ACCOUNT | __GFP_COMP,
				get_order(offset + buf->len));
	if (!copy.page)
		return -ENOMEM;
	memcpy(page_address(copy.page) + offset,
	       page_address(buf->page) + buf->offset, buf->len);
	pipe_buf_release(pipe, buf);
	*buf = copy;
	pph_count(PPH_FUSE, buf->len);
	return 0;
}

/**
 * pph_add_to_pipe() - In place of add_to_pipe().
 * @pipe: the pipe, locked
 * @buf: what to add; released, whatever happens
 *
 * How the FUSE device hands requests to its daemon: most of their pages are new
 * ones, but a write's belong to the cache of the file.  privpipe.ko adds pages of
 * private pipes in this way.
 *
 * Return: bytes, or an error.
 */
ssize_t pph_add_to_pipe(struct pipe_inode_info *pipe, struct pipe_buffer *buf)
{
	unsigned int len = buf->len;
	int ret = 0;

	if (!pipe->readers)
		ret = pph_no_readers();
	else if (!pph_room(pipe))
		ret = -EAGAIN;
	else if (!pph_page_is_private(buf->page))
		ret = pph_copy_buffer(pipe, buf);
	if (ret) {
		pipe_buf_release(pipe, buf);
		return ret;
	}
	*pipe_head_buf(pipe) = *buf;
	pipe->head++;
	return len;
}
