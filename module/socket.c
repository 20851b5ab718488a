// SPDX-License-Identifier: GPL-2.0
/*
 * Sockets: receiving from them, and handing pages to them.  All code that knows net/.
 */
#include <linux/net.h>
#include <linux/socket.h>
#include <net/inet_connection_sock.h>
#include <net/sock.h>

#include "page.h"
#include "socket.h"
#include "stock.h"

/**
 * pp_socket_receive() - Read a socket into a stage.
 * @in: the socket, which has ->splice_read
 * @pos: not used
 * @stage: where to; its slots have the lengths to be filled at the most
 * @flags: SPLICE_F_* of the call
 *
 * This uses the socket's own ->splice_read, as splice(2) does, since recvmsg() behaves
 * differently: it waits for SO_RCVLOWAT, skips urgent data, and so on.  The pages stay in
 * a scratch pipe until they are copied, because pages that a peer has sent may also be in
 * the page cache.
 *
 * Return: bytes, 0 at the end, or an error.
 */
ssize_t pp_socket_receive(struct file *in, loff_t *pos, struct pp_stage *stage,
			  unsigned int flags)
{
	size_t skip = 0, len = pp_stage_bytes(stage);
	struct pipe_inode_info *scratch;
	unsigned int i, buf;
	ssize_t ret;

	/* Fragments may be smaller than pages. */
	scratch = pp_scratch_alloc(4 * DIV_ROUND_UP(len, PAGE_SIZE));
	if (!scratch)
		return -ENOMEM;
	ret = in->f_op->splice_read(in, pos, scratch, len, flags);
	if (ret > 0) {
		/* These bytes can't be received again, so @stage was allocated before. */
		pp_stage_fit(stage, ret);
		buf = scratch->tail;
		for (i = 0; i < stage->nr; i++)
			pp_scratch_copy(scratch, &buf, &skip, &stage->slots[i]);
	}
	pp_scratch_free(scratch);
	return ret;
}

/* TCP without another protocol on top, such as the kernel's TLS. */
static bool pp_plain_tcp(struct socket *sock)
{
	return sk_is_tcp(sock->sk) && !inet_csk_has_ulp(sock->sk);
}

/**
 * struct pp_handover - pages on their way to a TCP socket
 * @msg: the message, by which pp_fill_skb() finds the rest
 * @sk: the socket
 * @no_memory: TCP may have no more memory for now
 */
struct pp_handover {
	struct msghdr msg;
	struct sock *sk;
	bool no_memory;
};

/*
 * If a packet begins with pages that were put in as they are, TCP assumes that they count
 * against RLIMIT_MEMLOCK, and charges no memory for the packet.  Our pages count nowhere
 * else.  So remove the mark while the packet is empty: TCP then charges the pages now, and
 * uncharges them when the packet is freed, like those of MSG_SPLICE_PAGES.  Returns how
 * many bytes may be put in.
 */
static size_t pp_charge_skb(struct pp_handover *h, struct sk_buff *skb, size_t len)
{
	if (!skb_zcopy_pure(skb))
		return len;	/* TCP charges it */
	if (!sk_wmem_schedule(h->sk, len))
		len = clamp_t(ssize_t, h->sk->sk_forward_alloc, 0, len);
	if (len)
		skb_shinfo(skb)->flags &= ~SKBFL_PURE_ZEROCOPY;
	else
		h->no_memory = true;
	return len;
}

/*
 * Put pages into a TCP packet as they are, so that neighbours in a folio become one
 * fragment.  MSG_SPLICE_PAGES would make a fragment of each page, and each fragment has a
 * cost on its way.
 */
static int pp_fill_skb(struct sk_buff *skb, struct iov_iter *from, size_t len)
{
	struct pp_handover *h = container_of(from, struct pp_handover, msg.msg_iter);

	len = pp_charge_skb(h, skb, len);
	if (!len)
		return -EFAULT;	/* the only error that undoes the packet */
	while (len) {
		const struct bio_vec *bv = from->bvec;
		size_t offset = bv->bv_offset + from->iov_offset;
		size_t n = min_t(size_t, len, bv->bv_len - from->iov_offset);
		int i = skb_shinfo(skb)->nr_frags;
		bool joins = skb_can_coalesce(skb, i, bv->bv_page, offset);

		if (!joins && i == MAX_SKB_FRAGS)
			return -EMSGSIZE;
		if (joins) {
			skb_frag_size_add(&skb_shinfo(skb)->frags[i - 1], n);
		} else {
			get_page(bv->bv_page);
			skb_fill_page_desc(skb, i, bv->bv_page, offset, n);
		}
		skb_len_add(skb, n);
		iov_iter_advance(from, n);
		len -= n;
	}
	return 0;
}

/**
 * pp_worth_handing() - Whether a socket should refer to private pages.
 * @bvec: the bytes, each element in a folio of its own
 * @nr: length of @bvec
 *
 * A reference keeps a whole folio, and a socket is charged for the bytes only.
 *
 * Return: false if the folios are more than twice as large as the pages of the bytes, so
 * that the socket should copy the bytes.
 */
bool pp_worth_handing(const struct bio_vec *bvec, unsigned int nr)
{
	size_t kept = 0, needed = 0;

	for (; nr; nr--, bvec++) {
		kept += folio_nr_pages(page_folio(bvec->bv_page));
		needed += DIV_ROUND_UP(offset_in_page(bvec->bv_offset) + bvec->bv_len,
				       PAGE_SIZE);
	}
	return kept <= 2 * needed;
}

/* Hand pages to TCP; @h has the message. */
static ssize_t pp_send_tcp(struct socket *sock, struct pp_handover *h)
{
	static const struct ubuf_info_ops no_ops;
	struct ubuf_info uarg = {
		.ops = &no_ops,
		.refcnt = REFCOUNT_INIT(1),
		.flags = SKBFL_SHARED_FRAG,
	};
	int flags = h->msg.msg_flags;
	ssize_t ret;

	/*
	 * Without SKBFL_ZEROCOPY_ENABLE nobody is told when the pages
	 * are free, and nobody looks at this after the call: each
	 * fragment has a reference, as with MSG_SPLICE_PAGES.
	 */
	h->sk = sock->sk;
	h->msg.msg_flags = (flags & ~MSG_SPLICE_PAGES) | MSG_ZEROCOPY;
	h->msg.msg_ubuf = &uarg;
	h->msg.sg_from_iter = pp_fill_skb;
	ret = sock_sendmsg(sock, &h->msg);
	if (ret > 0 || !h->no_memory)
		return ret;
	/* On this path TCP waits for memory, or returns -EAGAIN. */
	h->msg.msg_flags = flags;
	h->msg.msg_ubuf = NULL;
	return sock_sendmsg(sock, &h->msg);
}

/**
 * pp_socket_send() - Write pages to a socket.
 * @out: the socket
 * @from: the pages
 * @flags: MSG_MORE when more is about to come; MSG_SPLICE_PAGES to refer to the
 *	pages until its peer has the bytes, instead of copying them
 *
 * Return: bytes, or an error.
 */
ssize_t pp_socket_send(struct file *out, const struct iov_iter *from, int flags)
{
	struct socket *sock = sock_from_file(out);
	struct pp_handover h = {
		.msg.msg_iter = *from,
		.msg.msg_flags = flags,
	};

	if (out->f_flags & O_NONBLOCK)
		h.msg.msg_flags |= MSG_DONTWAIT;
	if (flags & MSG_SPLICE_PAGES && pp_plain_tcp(sock))
		return pp_send_tcp(sock, &h);
	return sock_sendmsg(sock, &h.msg);
}
