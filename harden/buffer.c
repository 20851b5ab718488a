// SPDX-License-Identifier: GPL-2.0
/*
 * From sockets and the FUSE device into pipes, by copies.
 */
#include <linux/mm.h>
#include <linux/skbuff.h>
#include <net/sock.h>

#include "harden.h"
#include "pipe.h"

/*
 * Sockets
 */

/*
 * In a stock kernel, splicing from a socket does not fail for lack of memory, and callers
 * don't expect it to: a Unix socket would return -EFAULT.  So the first allocation of a
 * call must not fail; if a later one fails, the call returns short.
 */
static struct page *pph_socket_page(struct pph_supply *supply, size_t left,
				    bool first)
{
	struct page *page = pph_page_get(supply, left);

	if (!page && first && gfpflags_allow_blocking(supply->gfp))
		page = alloc_page(supply->gfp | __GFP_ACCOUNT | __GFP_NOFAIL);
	return page;
}

/**
 * pph_skb_splice_bits() - In place of skb_splice_bits().
 * @skb: the received data
 * @sk: the socket, locked
 * @offset: first byte
 * @pipe: the pipe, locked
 * @len: bytes at the most
 * @flags: SPLICE_F_*, only for the stock function
 *
 * TCP, Unix, KCM and TLS sockets call it in their ->splice_read.  Other sockets have no
 * such function; splicing reads from them.
 *
 * Return: bytes, or an error when there are none.
 */
int pph_skb_splice_bits(struct sk_buff *skb, struct sock *sk,
			unsigned int offset, struct pipe_inode_info *pipe,
			unsigned int len, unsigned int flags)
{
	/* Allocate as the socket does: it may serve a block device. */
	struct pph_supply supply = { .gfp = sk->sk_allocation };
	int ret = 0, done = 0;

	if (pph_excepted())
		return static_call(pph_stock_socket)(skb, sk, offset, pipe, len, flags);
	if (!pipe->readers)
		return pph_no_readers();
	/* Memory of a device can't be read; the bytes before it can. */
	if (!skb_frags_readable(skb))
		len = min(len, skb_headlen(skb) - min(offset, skb_headlen(skb)));
	while (len) {
		unsigned int n = min_t(unsigned int, len, PAGE_SIZE);
		size_t room = (size_t)pph_room(pipe) * PAGE_SIZE;
		struct page *page;

		ret = -EAGAIN;
		if (!room)
			break;
		page = pph_socket_page(&supply, min(len, room), !done);
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
 * pph_page_is_private() - Whether nobody else uses a page on its way into a pipe.
 * @page: the page
 *
 * Return: true if the page has no owner and only the caller's reference.
 */
bool pph_page_is_private(struct page *page)
{
	struct folio *folio = page_folio(page);

	return folio_ref_count(folio) == 1 && !READ_ONCE(folio->mapping);
}

/* Replace the page of a buffer by a copy, before the buffer enters a pipe. */
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
	unsigned int order = get_order(offset + buf->len);
	int ret;

	ret = pipe_buf_confirm(pipe, buf);
	if (ret)
		return ret;
	/*
	 * The FUSE device has made sure that there is room, and can't take back a request
	 * after a part of it is in the pipe.  Its buffers have one page at most.
	 */
	copy.page = alloc_pages(GFP_KERNEL_ACCOUNT | __GFP_COMP |
				(order ? 0 : __GFP_NOFAIL), order);
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
 * @buf: the buffer to add; consumed, also on error
 *
 * The FUSE device passes requests to its daemon by this function.  Most of their pages
 * are new, but those of a write belong to the cache of the file.  privpipe.ko adds the
 * pages of private pipes by this function.
 *
 * Return: bytes, or an error.
 */
ssize_t pph_add_to_pipe(struct pipe_inode_info *pipe, struct pipe_buffer *buf)
{
	unsigned int len = buf->len;
	int ret = 0;

	if (pph_excepted())
		return static_call(pph_stock_add)(pipe, buf);
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
