// SPDX-License-Identifier: GPL-2.0
/*
 * splice: files, devices, sockets and pipes into a private pipe and out of it.
 */
#include <kunit/static_stub.h>
#include <linux/file.h>
#include <linux/fsnotify.h>
#include <linux/net.h>
#include <linux/pagemap.h>
#include <linux/poll.h>
#include <linux/socket.h>
#include <linux/splice.h>
#include <linux/uaccess.h>
#include <net/inet_connection_sock.h>
#include <net/sock.h>

#include <linux/privpipe.h>

#include "file.h"
#include "splice.h"
#include "stats.h"
#include "steal.h"

/*
 * Files and sockets as sources
 */

/**
 * pp_page_cached() - Whether reading a file goes through its page cache.
 * @file: the file
 *
 * Return: true for regular files and block devices, unless they are read
 * directly; what procfs and the like call a regular file counts as well.
 */
bool pp_page_cached(struct file *file)
{
	umode_t mode = file_inode(file)->i_mode;

	return (S_ISREG(mode) || S_ISBLK(mode)) &&
	       !(file->f_flags & O_DIRECT) && !IS_DAX(file->f_mapping->host);
}

/**
 * pp_spliceable() - Whether splice and sendfile can read a file.
 * @file: the file
 *
 * Return: true if it has what they need and is no pipe: those are spliced from
 * by other means, and sendfile doesn't know them.
 */
bool pp_spliceable(struct file *file)
{
	return file->f_op->splice_read && file->f_op->read_iter &&
	       !pp_ring_of(file);
}

/**
 * pp_read_hint() - How much to make room for at once.
 * @in: what is to be read
 * @pos: where in it, in bytes
 * @len: how many bytes are wanted, not 0
 *
 * A file says how long it is, or claims to be empty as in procfs; anything else
 * may have as much as is wanted.
 *
 * Return: bytes, not 0.
 */
size_t pp_read_hint(struct file *in, loff_t pos, size_t len)
{
	loff_t left;

	if (!pp_page_cached(in))
		return len;
	left = i_size_read(in->f_mapping->host) - pos;
	return min_t(u64, len, left > 0 ? left : SZ_64K);
}

/*
 * Receive by the socket's own ->splice_read, as splice(2) does, since recvmsg() answers
 * otherwise: it waits for SO_RCVLOWAT, passes over urgent data, and so on.  The pages
 * stay in a pipe that only we see until they are copied: what a peer has sent
 * may be in the page cache as well.
 */
static ssize_t pp_receive(struct file *in, loff_t *pos, struct pp_stage *stage,
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
		/* These bytes can't be had again, so @stage was made before. */
		pp_stage_fit(stage, ret);
		buf = scratch->tail;
		for (i = 0; i < stage->nr; i++)
			pp_scratch_copy(scratch, &buf, &skip, &stage->slots[i]);
	}
	pp_scratch_free(scratch);
	return ret;
}

/**
 * pp_read_stage() - Read a file or socket into a stage.
 * @in: where from
 * @pos: where in it, in bytes; advanced by what was read
 * @stage: where to; its slots have the lengths to be filled at the most
 * @flags: SPLICE_F_* of the call
 *
 * The caller has done rw_verify_area() and notifies of the access.
 *
 * Return: bytes, 0 at the end, or an error.
 */
noinline_for_stack
ssize_t pp_read_stage(struct file *in, loff_t *pos, struct pp_stage *stage,
		      unsigned int flags)
{
	struct socket *sock = sock_from_file(in);
	struct bio_vec bvec[PP_STAGE_SLOTS] __uninitialized;
	struct iov_iter to;
	struct kiocb kiocb;
	size_t len = 0;
	unsigned int i;
	ssize_t ret;

	KUNIT_STATIC_STUB_REDIRECT(pp_read_stage, in, pos, stage, flags);

	if (sock && READ_ONCE(sock->ops)->splice_read)
		return pp_receive(in, pos, stage, flags);

	for (i = 0; i < stage->nr; i++) {
		struct pp_slot *slot = &stage->slots[i];

		bvec_set_folio(&bvec[i], slot->folio, slot->len, slot->offset);
		len += slot->len;
	}
	iov_iter_bvec(&to, ITER_DEST, bvec, stage->nr, len);

	/* vfs_iter_read() would notify of an access at the end of a file, too. */
	init_sync_kiocb(&kiocb, in);
	kiocb.ki_pos = *pos;
	ret = in->f_op->read_iter(&kiocb, &to);
	if (ret > 0)
		*pos = kiocb.ki_pos;
	return ret;
}

/* Copy from a file or socket into reserved room. */
static ssize_t pp_copy_file(struct pp_ring *ring, struct file *in, loff_t *pos,
			    size_t len, unsigned int flags, unsigned int *room)
{
	bool cached = pp_page_cached(in);
	ssize_t ret, done = 0;
	size_t asked;

	do {
		size_t offset = cached ? offset_in_page(*pos) : 0;
		struct pp_stage stage __uninitialized;

		stage.nr = 0;
		/* Where a file says it was read up to is not to be relied on. */
		asked = min(len - done, *room * PAGE_SIZE - offset);
		/*
		 * Pages of a file stay aligned as they are in its cache, where
		 * they might have been taken from: the room they need is the
		 * same then.
		 */
		ret = pp_stage_alloc(&stage, offset,
				     pp_read_hint(in, *pos, asked));
		if (ret)
			break;
		asked = pp_stage_bytes(&stage);
		ret = pp_read_stage(in, pos, &stage, flags);
		pp_stage_cut(&stage, max_t(ssize_t, ret, 0));
		pp_ring_publish(ring, &stage, room);
		if (ret > 0)
			done += ret;
		/*
		 * Only a file does not make us wait for more after the first
		 * data.  Room was reserved for one range: a pass that ends within
		 * a page is the last one, or that page would count twice.
		 */
	} while (cached && ret == asked && done < len && *room &&
		 !offset_in_page(*pos) && !signal_pending(current));

	pp_count(sock_from_file(in) ? PP_socket_copied : PP_file_copied, done);
	return done ?: ret;
}

/**
 * pp_fill_file() - Splice from a file or socket into a private pipe.
 * @ring: the pipe, not locked
 * @in: where from
 * @pos: where in it, in bytes; advanced by what was put into the pipe
 * @len: how many bytes at the most; with 0 it only waits for room, as sendfile does
 * @flags: SPLICE_F_* of the call
 * @policy: enum privpipe_policy
 * @nonblock: don't wait for room
 *
 * Return: bytes, 0 at the end, or an error when there are none.
 */
ssize_t pp_fill_file(struct pp_ring *ring, struct file *in, loff_t *pos,
		     size_t len, unsigned int flags, unsigned int policy,
		     bool nonblock)
{
	bool cached = pp_page_cached(in);
	size_t offset = cached ? offset_in_page(*pos) : 0;
	unsigned int room;
	ssize_t ret;

	len = min_t(size_t, len, MAX_RW_COUNT);
	ret = pp_ring_reserve(ring, DIV_ROUND_UP(offset + len, PAGE_SIZE),
			      nonblock);
	if (ret < 0)
		return ret;
	room = ret;
	len = min_t(size_t, len, room * PAGE_SIZE - offset);

	policy = pp_policy_resolve(policy, flags);
	if (!len)
		ret = 0;
	else if (!pp_spliceable(in))
		ret = -EINVAL;
	else if (cached && policy != PRIVPIPE_POLICY_NEVER)
		ret = pp_take_file(ring, in, pos, len, policy, &room);
	else
		ret = pp_copy_file(ring, in, pos, len, flags, &room);
	pp_ring_unreserve(ring, room);
	return ret;
}

/*
 * Files and sockets as targets
 */

/* TCP without a protocol on top of it, such as TLS in the kernel. */
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
 * TCP takes a packet that begins with pages put in as they are for one whose pages count
 * against RLIMIT_MEMLOCK, and charges no memory for it.  Ours count nowhere else, so
 * take the mark away while the packet is empty: then the pages are charged
 * now and uncharged when the packet goes, like those of MSG_SPLICE_PAGES.
 * Returns how many bytes may be put in.
 */
static size_t pp_charge_skb(struct pp_handover *h, struct sk_buff *skb, size_t len)
{
	if (!skb_zcopy_pure(skb))
		return len;	/* TCP has seen to it */
	if (!sk_wmem_schedule(h->sk, len))
		len = clamp_t(ssize_t, h->sk->sk_forward_alloc, 0, len);
	if (len)
		skb_shinfo(skb)->flags &= ~SKBFL_PURE_ZEROCOPY;
	else
		h->no_memory = true;
	return len;
}

/*
 * Put pages into a TCP packet as they are, so that what lies together in a folio
 * becomes one fragment.  MSG_SPLICE_PAGES would make one for each page, and every
 * fragment costs on its way.
 */
static int pp_fill_skb(struct sk_buff *skb, struct iov_iter *from, size_t len)
{
	struct pp_handover *h = container_of(from, struct pp_handover, msg.msg_iter);

	len = pp_charge_skb(h, skb, len);
	if (!len)
		return -EFAULT;	/* of all errors the one that undoes the packet */
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
 * Return: false when the folios are more than twice as large as the pages of
 * the bytes: these are better copied.
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
	/* This way TCP waits for memory, or says EAGAIN. */
	h->msg.msg_flags = flags;
	h->msg.msg_ubuf = NULL;
	return sock_sendmsg(sock, &h->msg);
}

/**
 * pp_send_bvec() - Write pages to a file or socket.
 * @out: where to; its operations were checked
 * @pos: where in it, in bytes, advanced; not used for a socket
 * @bvec: the bytes
 * @nr: length of @bvec
 * @len: how many bytes
 * @flags: for a socket: MSG_MORE when more is about to come; MSG_SPLICE_PAGES
 *	to refer to the pages until its peer has the bytes, instead of copying them
 *
 * Return: bytes, or an error.
 */
ssize_t pp_send_bvec(struct file *out, loff_t *pos, struct bio_vec *bvec,
		     unsigned int nr, size_t len, int flags)
{
	struct socket *sock = sock_from_file(out);
	struct pp_handover h = { .msg.msg_flags = flags };

	iov_iter_bvec(&h.msg.msg_iter, ITER_SOURCE, bvec, nr, len);
	if (!sock)
		return vfs_iter_write(out, &h.msg.msg_iter, pos, 0);

	if (out->f_flags & O_NONBLOCK)
		h.msg.msg_flags |= MSG_DONTWAIT;
	if (flags & MSG_SPLICE_PAGES && pp_plain_tcp(sock))
		return pp_send_tcp(sock, &h);
	return sock_sendmsg(sock, &h.msg);
}

/* Splice from a private pipe to a file or socket. */
static ssize_t pp_drain_file(struct pp_ring *ring, struct file *out, loff_t *pos,
			     size_t len, unsigned int flags, bool nonblock)
{
	struct socket *sock = sock_from_file(out);
	ssize_t ret = 0, done = 0;

	while (len) {
		struct pp_drain drain __uninitialized;
		size_t chunk = len;
		int how = 0;

		if (signal_pending(current)) {
			ret = -ERESTARTSYS;
			break;
		}
		/* A message is as long as the stock splice would make it. */
		if (sock && sock->type != SOCK_STREAM)
			chunk = min_t(size_t, len, PP_DRAIN_SLOTS * PAGE_SIZE);
		ret = pp_ring_drain_begin(ring, nonblock || done, chunk, &drain);
		if (ret <= 0)
			break;
		if (flags & SPLICE_F_MORE || (drain.more && len > drain.bytes))
			how |= MSG_MORE;
		if (sock && pp_worth_handing(drain.bvec, drain.nr))
			how |= MSG_SPLICE_PAGES;
		ret = pp_send_bvec(out, pos, drain.bvec, drain.nr, drain.bytes, how);
		pp_ring_drain_end(ring, max_t(ssize_t, ret, 0),
				  how & MSG_SPLICE_PAGES ? PP_SLOT_SHARED : 0);
		if (ret <= 0)
			break;
		pp_count(!sock ? PP_file_out :
			 how & MSG_SPLICE_PAGES ? PP_socket_handed :
						  PP_socket_handed_copied, ret);
		done += ret;
		len -= ret;
	}
	return done ?: ret;
}

/*
 * Stock pipes
 */

/**
 * pp_stock_pipe() - The stock pipe or FIFO that a file is.
 * @file: any file
 *
 * Return: the pipe, alive as long as @file is, or NULL.  A notification pipe
 * can't be spliced and counts as none.
 */
struct pipe_inode_info *pp_stock_pipe(struct file *file)
{
	struct inode *inode = file_inode(file);
	struct pipe_inode_info *pipe;

	if (!S_ISFIFO(inode->i_mode) || pp_ring_of(file))
		return NULL;
	pipe = inode->i_pipe;
	if (!pipe || pipe != file->private_data || pipe_has_watch_queue(pipe))
		return NULL;
	return pipe;
}

/* Unlocked, so the answer can be stale. */
static bool pp_stock_writable(struct pipe_inode_info *pipe)
{
	return !READ_ONCE(pipe->readers) ||
	       !pipe_full(READ_ONCE(pipe->head), READ_ONCE(pipe->tail),
			  READ_ONCE(pipe->max_usage));
}

/**
 * pp_stock_wait_room() - Wait for a free slot in a stock pipe.
 * @pipe: the pipe, locked; the lock is dropped while waiting
 * @nonblock: don't wait
 *
 * Return: 0, -EPIPE (SIGPIPE was sent), -EAGAIN or -ERESTARTSYS.
 */
int pp_stock_wait_room(struct pipe_inode_info *pipe, bool nonblock)
{
	for (;;) {
		if (!pipe->readers) {
			send_sig(SIGPIPE, current, 0);
			return -EPIPE;
		}
		if (!pipe_full(pipe->head, pipe->tail, pipe->max_usage))
			return 0;
		if (nonblock)
			return -EAGAIN;
		if (signal_pending(current))
			return -ERESTARTSYS;
		pipe_unlock(pipe);
		wait_event_interruptible(pipe->wr_wait, pp_stock_writable(pipe));
		pipe_lock(pipe);
	}
}

/**
 * pp_stock_wake_readers() - Tell that a stock pipe was filled.
 * @pipe: the pipe, not locked
 */
void pp_stock_wake_readers(struct pipe_inode_info *pipe)
{
	wake_up_interruptible_poll(&pipe->rd_wait, EPOLLIN | EPOLLRDNORM);
	kill_fasync(&pipe->fasync_readers, SIGIO, POLL_IN);
}

/* Put the pages of a slot, which has left its ring, into a stock pipe. */
static void pp_stock_add(struct pipe_inode_info *pipe, struct pp_slot slot)
{
	bool first = true;

	while (slot.len) {
		struct pipe_buffer buf = {
			.page = folio_page(slot.folio, slot.offset / PAGE_SIZE),
			.offset = offset_in_page(slot.offset),
			/* The operations must outlive this module. */
			.ops = &nosteal_pipe_buf_ops,
			.flags = slot.flags & PP_SLOT_PACKET ?
				 PIPE_BUF_FLAG_PACKET : 0,
		};

		buf.len = min_t(size_t, slot.len, PAGE_SIZE - buf.offset);
		/* One reference came with the slot. */
		if (!first)
			folio_get(slot.folio);
		first = false;
		add_to_pipe(pipe, &buf);
		slot.offset += buf.len;
		slot.len -= buf.len;
	}
}

/**
 * pp_stock_push() - Put the beginning of a stage into a stock pipe.
 * @pipe: the pipe, locked, with a reader
 * @stage: the stage, which keeps its folios; what there is room for goes in
 *
 * Return: bytes.
 */
size_t pp_stock_push(struct pipe_inode_info *pipe, const struct pp_stage *stage)
{
	size_t done = 0;
	unsigned int i;

	for (i = 0; i < stage->nr; i++) {
		size_t room = pipe->max_usage -
			      pipe_occupancy(pipe->head, pipe->tail);
		struct pp_slot part = stage->slots[i];

		if (!room)
			break;
		part.len = min_t(size_t, part.len,
				 room * PAGE_SIZE - offset_in_page(part.offset));
		folio_get(part.folio);
		pp_stock_add(pipe, part);
		done += part.len;
	}
	return done;
}

/* Fill a stock pipe that has room and a reader; both are locked. */
static ssize_t pp_stock_fill(struct pipe_inode_info *pipe, struct pp_ring *ring,
			     size_t len)
{
	ssize_t done = 0;

	while (len && !pp_ring_empty(ring)) {
		unsigned int room = pipe->max_usage -
				    pipe_occupancy(pipe->head, pipe->tail);
		struct pp_slot *slot = pp_ring_tail(ring);
		struct pp_slot part = {};
		size_t n = slot->len;

		if (!room)
			break;
		/* The other pipe counts slots: no large folio for a few bytes. */
		if (n <= len && pp_slot_pages(slot) <= room &&
		    folio_nr_pages(slot->folio) <= 2 * pp_slot_pages(slot)) {
			pp_stock_add(pipe, pp_ring_pop(ring));
			pp_count(PP_stock_handed, n);
		} else {
			/* A folio that is in two places is not private. */
			part.offset = offset_in_page(slot->offset);
			part.len = min3(n, len, PAGE_SIZE - part.offset);
			part.flags = slot->flags;
			n = part.len;
			part.folio = pp_folio_alloc(1);
			if (!part.folio)
				return done ?: -ENOMEM;
			pp_copy_folio(part.folio, part.offset, slot->folio,
				      slot->offset, n);
			pp_ring_consume(ring, n, 0);
			pp_stock_add(pipe, part);
			pp_count(PP_stock_handed_copied, n);
		}
		done += n;
		len -= n;
	}
	return done;
}

/**
 * pp_splice_read() - ->splice_read of a private pipe: into a stock one.
 * @in: an end of the private pipe
 * @pos: not used
 * @pipe: the stock pipe, locked; the lock is dropped while waiting, so that
 *	nobody is locked out of @pipe by a private pipe that stays empty
 * @len: how many bytes at the most
 * @flags: SPLICE_F_*
 *
 * Return: bytes, 0 when @in is empty and has no writer, or an error.
 */
ssize_t pp_splice_read(struct file *in, loff_t *pos, struct pipe_inode_info *pipe,
		       size_t len, unsigned int flags)
{
	struct pp_ring *ring = in->private_data;
	bool nonblock = flags & SPLICE_F_NONBLOCK || in->f_flags & O_NONBLOCK;
	ssize_t ret;

	do {
		struct pp_wake wake = {};

		ret = pp_stock_wait_room(pipe, nonblock);
		if (ret)
			return ret;
		mutex_lock(&ring->lock);
		ret = pp_ring_wait_data(ring, true, &wake);
		if (ret > 0)
			ret = pp_stock_fill(pipe, ring, len);
		pp_ring_end_consume(ring, &wake);
		if (ret != -EAGAIN || nonblock)
			return ret;

		pipe_unlock(pipe);
		mutex_lock(&ring->lock);
		ret = pp_ring_wait_data(ring, false, &wake);
		wake.before = false;
		pp_ring_end_consume(ring, &wake);
		pipe_lock(pipe);
	} while (ret >= 0);
	return ret;
}

/* Move one buffer of a stock pipe, which is locked. */
static int pp_stock_actor(struct pipe_inode_info *pipe, struct pipe_buffer *buf,
			  struct splice_desc *sd)
{
	struct pp_ring *ring = sd->u.data;
	struct pp_stage stage;
	struct pp_slot *slot = &stage.slots[0];
	unsigned int room = 1;
	int ret;

	/* A write that failed leaves an empty buffer in a stock pipe. */
	if (!sd->len)
		return 0;
	ret = pp_ring_reserve(ring, room, true);
	if (ret < 0)
		return ret;

	stage.nr = 1;
	slot->folio = NULL;
	slot->offset = offset_in_page(buf->offset);
	slot->len = min_t(size_t, sd->len, PAGE_SIZE - slot->offset);
	slot->flags = buf->flags & PIPE_BUF_FLAG_PACKET ? PP_SLOT_PACKET : 0;
	if (sd->len == buf->len)
		slot->folio = pp_take_stock(pipe, buf, sd->flags);
	if (slot->folio) {
		slot->flags |= PP_SLOT_FOREIGN;
		pp_count(PP_stock_taken, slot->len);
		pp_count(PP_stock_taken_pages, 1);
	} else {
		slot->folio = pp_folio_alloc(1);
		if (!slot->folio) {
			pp_ring_unreserve(ring, room);
			return -ENOMEM;
		}
		memcpy_page(folio_page(slot->folio, 0), slot->offset,
			    buf->page + buf->offset / PAGE_SIZE,
			    slot->offset, slot->len);
		pp_count(PP_stock_copied, slot->len);
	}
	ret = slot->len;
	pp_ring_publish(ring, &stage, &room);
	return ret;
}

/**
 * pp_splice_write() - ->splice_write of a private pipe: from a stock one.
 * @pipe: the stock pipe, not locked
 * @out: an end of the private pipe
 * @pos: not used
 * @len: how many bytes at the most
 * @flags: SPLICE_F_*
 *
 * Return: bytes, 0 when @pipe is empty and has no writer, or an error.
 */
ssize_t pp_splice_write(struct pipe_inode_info *pipe, struct file *out,
			loff_t *pos, size_t len, unsigned int flags)
{
	struct pp_ring *ring = out->private_data;
	bool nonblock = flags & SPLICE_F_NONBLOCK || out->f_flags & O_NONBLOCK;
	struct splice_desc sd = {
		.total_len = len,
		.flags = flags | (nonblock ? SPLICE_F_NONBLOCK : 0),
		.u.data = ring,
	};
	ssize_t ret;

	do {
		/* Room first, so that nothing is waited for in vain. */
		ret = pp_ring_reserve(ring, 0, nonblock);
		if (ret)
			return ret;

		pipe_lock(pipe);
		ret = __splice_from_pipe(pipe, &sd, pp_stock_actor);
		pipe_unlock(pipe);
		/* Somebody else may have used the room. */
	} while (ret == -EAGAIN && !nonblock);
	return ret;
}

/*
 * Private pipes
 */

/**
 * pp_two_ready() - Wait until one pipe has bytes and the other one has room.
 * @in: the pipe to consume from, not locked
 * @out: the pipe to fill, not locked
 * @nonblock: don't wait
 *
 * As this says nothing about the moment after, callers lock and look again.
 *
 * Return: 1, 0 when @in is empty and has no writer, or an error.
 */
int pp_two_ready(struct pp_ring *in, struct pp_ring *out, bool nonblock)
{
	struct pp_wake wake = {};
	int data, room;

	mutex_lock(&in->lock);
	data = pp_ring_wait_data(in, nonblock, &wake);
	wake.before = false;
	pp_ring_end_consume(in, &wake);
	if (data < 0)
		return data;

	/* Also at the end of the input, a missing reader is what counts. */
	room = pp_ring_reserve(out, 0, nonblock);
	return room ?: data;
}

/**
 * pp_copy_slot() - Copy the beginning of a slot to another pipe.
 * @out: the pipe to copy to, locked, with room for a page
 * @slot: what to copy
 * @len: how many bytes at the most, not 0
 * @flags: flags for the new slot
 *
 * The copy lies in its pages as the original does, so it needs as much room.
 *
 * Return: bytes, fewer than asked for when room or memory is short, or -ENOMEM.
 */
ssize_t pp_copy_slot(struct pp_ring *out, const struct pp_slot *slot, size_t len,
		     unsigned int flags)
{
	struct pp_slot copy = {
		.offset = offset_in_page(slot->offset),
		.flags = flags,
	};

	len = min3(len, (size_t)slot->len,
		   pp_ring_room(out) * PAGE_SIZE - copy.offset);
	copy.folio = pp_folio_alloc(DIV_ROUND_UP(copy.offset + len, PAGE_SIZE));
	if (!copy.folio)
		return -ENOMEM;
	copy.len = min(len, folio_size(copy.folio) - copy.offset);
	pp_copy_folio(copy.folio, copy.offset, slot->folio, slot->offset, copy.len);
	pp_ring_push(out, &copy);
	out->copied += copy.len;
	return copy.len;
}

/* Move what can be moved as a whole, copy the rest; both are locked. */
static ssize_t pp_move(struct pp_ring *in, struct pp_ring *out, size_t len)
{
	ssize_t done = 0;

	while (len && !pp_ring_empty(in) && pp_ring_room(out)) {
		struct pp_slot *slot = pp_ring_tail(in);
		ssize_t n = slot->len;

		if (n <= len && pp_slot_pages(slot) <= pp_ring_room(out) &&
		    !(slot->flags & PP_SLOT_SHARED) && pp_ring_fits(out, slot)) {
			struct pp_slot whole = pp_ring_pop(in);

			pp_ring_push(out, &whole);
			out->moved += n;
			pp_count(PP_moved, n);
		} else {
			unsigned int flags = PP_SLOT_PACKET;

			/* All of it is as good as the original. */
			if (n <= len)
				flags |= PP_SLOT_MERGE;
			n = pp_copy_slot(out, slot, len, slot->flags & flags);
			if (n < 0)
				return done ?: n;
			pp_ring_consume(in, n, 0);
			pp_count(PP_moved_copied, n);
		}
		done += n;
		len -= n;
	}
	return done;
}

/* Splice from private pipe to private pipe. */
static ssize_t pp_splice_two(struct pp_ring *in, struct pp_ring *out, size_t len,
			     bool nonblock)
{
	ssize_t ret;

	do {
		struct pp_wake in_wake = {}, out_wake = {};

		pp_ring_lock_two(in, out);
		in_wake.before = !pp_ring_room(in);
		out_wake.before = pp_ring_empty(out);
		ret = in->draining || !out->readers ? 0 : pp_move(in, out, len);
		if (ret) {
			pp_ring_end_consume(in, &in_wake);
			pp_ring_end_produce(out, &out_wake);
			return ret;
		}
		pp_ring_unlock_two(in, out);
		ret = pp_two_ready(in, out, nonblock);
	} while (ret > 0);
	return ret;
}

/*
 * The call
 */

static int pp_get_offset(u64 from, loff_t *value, loff_t **pos)
{
	if (from && copy_from_user(value, u64_to_user_ptr(from), sizeof(*value)))
		return -EFAULT;
	*pos = from ? value : NULL;
	return 0;
}

static int pp_put_offset(u64 to, loff_t value)
{
	if (to && copy_to_user(u64_to_user_ptr(to), &value, sizeof(value)))
		return -EFAULT;
	return 0;
}

static ssize_t pp_splice_from_file(struct file *in, loff_t *off, struct file *out,
				   const struct privpipe_splice *arg, bool nonblock)
{
	loff_t pos = off ? *off : in->f_pos;
	ssize_t ret;

	if (off && !(in->f_mode & FMODE_PREAD))
		return -EINVAL;
	ret = rw_verify_area(READ, in, &pos, arg->len);
	if (ret < 0)
		return ret;

	ret = pp_fill_file(pp_ring_of(out), in, &pos, arg->len, arg->flags,
			   arg->policy, nonblock || out->f_flags & O_NONBLOCK);
	if (off)
		*off = pos;
	else if (ret >= 0)
		in->f_pos = pos;
	return ret;
}

static ssize_t pp_splice_to_file(struct file *in, struct file *out, loff_t *off,
				 const struct privpipe_splice *arg, bool nonblock)
{
	loff_t pos = off ? *off : out->f_pos;
	ssize_t ret;

	if (off && !(out->f_mode & FMODE_PWRITE))
		return -EINVAL;
	if (out->f_flags & O_APPEND)
		return -EINVAL;
	ret = rw_verify_area(WRITE, out, &pos, arg->len);
	if (ret < 0)
		return ret;
	if (!out->f_op->splice_write || !out->f_op->write_iter)
		return -EINVAL;

	ret = pp_drain_file(pp_ring_of(in), out, &pos,
			    min_t(u64, arg->len, MAX_RW_COUNT), arg->flags,
			    nonblock || in->f_flags & O_NONBLOCK);
	if (off)
		*off = pos;
	else if (ret >= 0)
		out->f_pos = pos;
	return ret;
}

/* The kinds of both sides are known by now; at least one is a private pipe. */
static ssize_t pp_splice_files(struct file *in, loff_t *off_in, struct file *out,
			       loff_t *off_out, const struct privpipe_splice *arg)
{
	struct pp_ring *from = pp_ring_of(in), *to = pp_ring_of(out);
	struct pipe_inode_info *stock_in = pp_stock_pipe(in);
	struct pipe_inode_info *stock_out = pp_stock_pipe(out);
	bool nonblock = arg->flags & SPLICE_F_NONBLOCK;
	bool either = nonblock || (in->f_flags | out->f_flags) & O_NONBLOCK;
	/* ioctl(2) and io_uring return an int. */
	size_t len = min_t(u64, arg->len, MAX_RW_COUNT);
	ssize_t ret;

	if (from && to)
		return from == to ? -EINVAL :
				    pp_splice_two(from, to, len, either);
	if (stock_in)
		return pp_splice_write(stock_in, out, NULL, len, arg->flags |
				       (either ? SPLICE_F_NONBLOCK : 0));
	if (stock_out) {
		pipe_lock(stock_out);
		ret = pp_splice_read(in, NULL, stock_out, len, arg->flags |
				     (either ? SPLICE_F_NONBLOCK : 0));
		pipe_unlock(stock_out);
		if (ret > 0)
			pp_stock_wake_readers(stock_out);
		return ret;
	}
	return to ? pp_splice_from_file(in, off_in, out, arg, nonblock) :
		    pp_splice_to_file(in, out, off_out, arg, nonblock);
}

static bool pp_is_pipe(struct file *file)
{
	return pp_ring_of(file) || pp_stock_pipe(file);
}

/**
 * pp_splice() - PRIVPIPE_SPLICE.
 * @called_on: an end of a private pipe
 * @arg: the arguments
 * @nowait: don't wait; as a file on the other side might, don't even try
 *
 * The order of the checks is that of splice(2).
 *
 * Return: bytes, or an error as struct privpipe_splice says.
 */
long pp_splice(struct file *called_on, struct privpipe_splice *arg, bool nowait)
{
	loff_t in_pos, out_pos, *off_in, *off_out;
	ssize_t ret;

	if (!arg->len)
		return 0;
	if (arg->flags & ~SPLICE_F_ALL || arg->policy > PRIVPIPE_POLICY_ALWAYS ||
	    arg->__reserved)
		return -EINVAL;
	/* 32-bit kernels count in 32 bits. */
	if (arg->len > SIZE_MAX)
		return -EINVAL;
	if (nowait)
		return -EAGAIN;

	CLASS(fd, in)(arg->fd_in);
	CLASS(fd, out)(arg->fd_out);
	if (!fd_file(in) || !fd_file(out))
		return -EBADF;

	if ((arg->off_in && pp_is_pipe(fd_file(in))) ||
	    (arg->off_out && pp_is_pipe(fd_file(out))))
		return -ESPIPE;
	ret = pp_get_offset(arg->off_out, &out_pos, &off_out);
	if (!ret)
		ret = pp_get_offset(arg->off_in, &in_pos, &off_in);
	if (ret)
		return ret;
	if (!(fd_file(in)->f_mode & FMODE_READ) ||
	    !(fd_file(out)->f_mode & FMODE_WRITE))
		return -EBADF;
	if (called_on != fd_file(in) && called_on != fd_file(out))
		return -EINVAL;

	ret = pp_splice_files(fd_file(in), off_in, fd_file(out), off_out, arg);
	if (ret > 0) {
		fsnotify_modify(fd_file(out));
		fsnotify_access(fd_file(in));
	}
	if (ret >= 0 && (pp_put_offset(arg->off_out, off_out ? out_pos : 0) ||
			 pp_put_offset(arg->off_in, off_in ? in_pos : 0)))
		ret = -EFAULT;
	return ret;
}
