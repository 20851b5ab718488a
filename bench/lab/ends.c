// SPDX-License-Identifier: GPL-2.0
/*
 * Sources, pipes and targets: real descriptors of the current task, so that
 * each way pays for looking them up.
 */
#include <linux/crc32.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/in.h>
#include <linux/mman.h>
#include <linux/pagemap.h>
#include <linux/pipe_fs_i.h>
#include <linux/splice.h>
#include <linux/tcp.h>
#include <linux/vmalloc.h>
#include <net/sock.h>

#include "arena.h"
#include "pipe.h"
#include "end.h"
#include "lab.h"
#include "splice.h"

/* More than any call here sends, so that no window is ever the limit. */
#define LAB_SOCKET_BUFFER	SZ_8M

/*
 * The buffers of a slow peer and of who sends to it.  The sender's must hold all that
 * the peer has room for, or it would wait for an ACK that the peer may delay by 40 ms.
 */
#define LAB_SLOW_BUFFER		SZ_64K

/* What a slow peer reads at a time. */
#define LAB_SIP			SZ_16K

/* How many files are served. */
#define LAB_WEB_FILES		1000

/* Give an open file a descriptor; the file is consumed. */
static int lab_install(struct file *file)
{
	int fd;

	if (IS_ERR(file))
		return PTR_ERR(file);
	fd = get_unused_fd_flags(0);
	if (fd < 0)
		fput(file);
	else
		fd_install(fd, file);
	return fd;
}

/* Store an error outside of the files that lab_close() must close. */
static int lab_keep(int *where, struct file **file, int fd)
{
	if (fd < 0)
		return fd;
	*where = fd;
	*file = fget(fd);
	fput(*file);	/* the descriptor holds it */
	return 0;
}

static int lab_open_file(int *where, struct file **file, const char *name,
			 int flags)
{
	return lab_keep(where, file,
			lab_install(filp_open(name, flags | O_LARGEFILE, 0600)));
}

static int lab_open_stock(struct lab_pipe *pipe, u32 size, int flags)
{
	int fds[2], ret;

	ret = do_pipe_flags(fds, flags);
	if (!ret)
		ret = lab_keep(&pipe->rd, &pipe->rd_file, fds[0]);
	if (!ret)
		ret = lab_keep(&pipe->wr, &pipe->wr_file, fds[1]);
	return ret ?: min(0L, pipe_fcntl(pipe->rd_file, F_SETPIPE_SZ, size));
}

static int lab_open_private(struct lab_pipe *pipe, u32 size, int flags)
{
	struct pp_ring *ring = pp_ring_create(size);
	struct file *ends[2];
	int ret;

	if (IS_ERR(ring))
		return PTR_ERR(ring);
	ret = pp_end_pair(ring, flags, ends);
	if (ret)
		return ret;
	ret = lab_keep(&pipe->wr, &pipe->wr_file, lab_install(ends[1]));
	return ret ?: lab_keep(&pipe->rd, &pipe->rd_file, lab_install(ends[0]));
}

/* Let the source of a case be the descriptor @fd. */
static int lab_keep_source(struct lab *lab, int fd)
{
	int ret = lab_keep(&lab->in, &lab->in_file, fd);

	if (ret)
		return ret;
	lab->in_fops = lab->in_file->f_op;
	lab->copy_fops = *lab->in_fops;
	lab->copy_fops.splice_read = copy_splice_read;
	return 0;
}

/* Let the source have folios of up to @order in the page cache, beginning with none. */
static int lab_limit_folios(struct lab *lab, unsigned int order)
{
	struct address_space *mapping = lab->in_file->f_mapping;
	int ret = filemap_write_and_wait(mapping);

	if (ret)
		return ret;
	filemap_invalidate_lock(mapping);
	truncate_inode_pages(mapping, 0);
	mapping_set_folio_order_range(mapping, 0, order);
	filemap_invalidate_unlock(mapping);
	return 0;
}

/**
 * lab_source_file() - Let a case begin with a file.
 * @lab: the case
 *
 * Return: 0 or an error.
 */
int lab_source_file(struct lab *lab)
{
	int ret = lab_keep_source(lab, lab_install(filp_open(lab->file,
					O_RDONLY | O_LARGEFILE, 0)));

	if (ret)
		return ret;
	lab->size = i_size_read(file_inode(lab->in_file));
	if (!lab->size)
		return -EINVAL;
	/* A file system without a device has nothing else than the page cache. */
	if (file_inode(lab->in_file)->i_sb->s_bdev)
		lab->fs_order = mapping_max_folio_order(lab->in_file->f_mapping);
	return lab->order < lab->fs_order ? lab_limit_folios(lab, lab->order) : 0;
}

/*
 * Open one of the files to serve, or make it: 4 KiB to 1 MiB, small ones as often
 * as large ones.
 */
static int lab_open_served(struct lab *lab, unsigned int i)
{
	u32 least = SZ_4K << prandom_u32_state(&lab->dice) % 8;
	u32 size = least + prandom_u32_state(&lab->dice) % least;
	char name[80];
	struct file *file;
	loff_t pos = 0;

	snprintf(name, sizeof(name), "%s-%u", lab->file, i);
	file = filp_open(name, O_RDWR | O_CREAT | O_LARGEFILE, 0600);
	if (IS_ERR(file))
		return PTR_ERR(file);
	while (i_size_read(file_inode(file)) < size) {
		ssize_t n = kernel_write(file, lab->data,
					 min_t(loff_t, lab->chunk, size - pos), &pos);

		if (n < 0) {
			fput(file);
			return n;
		}
	}
	lab->size += size;
	vfs_fsync(file, 0);
	return lab_install(file);
}

/**
 * lab_source_web() - Let a case begin with files some of which are popular.
 * @lab: the case
 *
 * Return: 0 or an error.
 */
int lab_source_web(struct lab *lab)
{
	prandom_seed_state(&lab->dice, 1);
	lab->files = kvcalloc(LAB_WEB_FILES, sizeof(*lab->files), GFP_KERNEL);
	if (!lab->files)
		return -ENOMEM;
	while (lab->nr_files < LAB_WEB_FILES) {
		int fd = lab_open_served(lab, lab->nr_files);

		if (fd < 0)
			return fd;
		lab->files[lab->nr_files++] = fd;
	}
	return lab_keep_source(lab, lab->files[0]);
}

/* Zipf's law: the n-th file is asked for 1/n times as often as the first. */
static unsigned int lab_roll(struct lab *lab)
{
	u32 sum = 0, at;
	unsigned int i;

	for (i = 1; i <= lab->nr_files; i++)
		sum += SZ_1M / i;
	at = prandom_u32_state(&lab->dice) % sum;
	for (i = 1; at >= SZ_1M / i; i++)
		at -= SZ_1M / i;
	return i - 1;
}

/**
 * lab_next_file() - Go on when the source has ended.
 * @lab: the case
 *
 * To the beginning of the file, or to the next one that is asked for.
 */
void lab_next_file(struct lab *lab)
{
	const struct file_operations *fops;

	if (!lab->in_file)
		return;
	if (lab->files) {
		fops = lab->in_file->f_op;
		lab->in_file->f_op = lab->in_fops;
		lab->in = lab->files[lab_roll(lab)];
		lab->in_file = fget(lab->in);
		fput(lab->in_file);	/* the descriptor holds it */
		lab->in_file->f_op = fops;
	}
	lab->in_file->f_pos = 0;
	if (lab->out_file)
		lab->out_file->f_pos = 0;
}

/**
 * lab_sink_null() - Let a case end in /dev/null.
 * @lab: the case
 *
 * Return: 0 or an error.
 */
int lab_sink_null(struct lab *lab)
{
	return lab_open_file(&lab->out, &lab->out_file, "/dev/null", O_WRONLY);
}

/**
 * lab_sink_file() - Let a case end in a file.
 * @lab: the case
 *
 * Return: 0 or an error.
 */
int lab_sink_file(struct lab *lab)
{
	return lab_open_file(&lab->out, &lab->out_file, lab->target,
			     O_RDWR | O_CREAT);
}

static int lab_listen(struct socket **listener, struct sockaddr_in *addr, int buffer)
{
	int ret;

	ret = sock_create_kern(&init_net, AF_INET, SOCK_STREAM, IPPROTO_TCP,
			       listener);
	if (ret)
		return ret;
	lock_sock((*listener)->sk);
	(*listener)->sk->sk_rcvbuf = buffer;
	(*listener)->sk->sk_userlocks |= SOCK_RCVBUF_LOCK;
	release_sock((*listener)->sk);
	ret = kernel_bind(*listener, (void *)addr, sizeof(*addr));
	if (!ret)
		ret = kernel_listen(*listener, 1);
	if (!ret)
		ret = kernel_getsockname(*listener, (struct sockaddr *)addr);
	return min(ret, 0);
}

/* A TCP connection over the loopback device, one end of it a descriptor. */
static int lab_connect(int *fd, struct socket **peer, int flags, int buffer)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct socket *listener = NULL, *sock;
	int ret;

	ret = lab_listen(&listener, &addr, buffer);
	if (ret)
		goto out_release;
	ret = sock_create_kern(&init_net, AF_INET, SOCK_STREAM, IPPROTO_TCP,
			       &sock);
	if (ret)
		goto out_release;
	tcp_sock_set_nodelay(sock->sk);
	lock_sock(sock->sk);
	sock->sk->sk_sndbuf = buffer;
	sock->sk->sk_rcvbuf = buffer;
	sock->sk->sk_userlocks |= SOCK_SNDBUF_LOCK | SOCK_RCVBUF_LOCK;
	release_sock(sock->sk);
	/* It owns the socket now, also when it fails. */
	*fd = lab_install(sock_alloc_file(sock, flags, NULL));
	ret = min(*fd, 0);
	if (!ret)
		ret = kernel_connect(sock, (void *)&addr, sizeof(addr), 0);
	if (!ret)
		ret = kernel_accept(listener, peer, 0);
	if (!ret)
		tcp_sock_set_nodelay((*peer)->sk);
out_release:
	if (listener)
		sock_release(listener);
	return ret;
}

/**
 * lab_sink_tcp() - Let a case end in a TCP connection.
 * @lab: the case
 *
 * The sending side does not block where sender and receiver are one task, which
 * keeps the scheduler out of the figures.
 *
 * Return: 0 or an error.
 */
int lab_sink_tcp(struct lab *lab)
{
	int fd = -1, ret = lab_connect(&fd, &lab->peer, lab->apart ? 0 : O_NONBLOCK,
				       lab->path->flags & LAB_SLOW ?
				       LAB_SLOW_BUFFER : LAB_SOCKET_BUFFER);
	int kept = fd < 0 ? 0 : lab_keep(&lab->out, &lab->out_file, fd);

	return ret ?: kept;
}

/**
 * lab_source_tcp() - Let a case begin with a TCP connection.
 * @lab: the case
 *
 * Return: 0 or an error.
 */
int lab_source_tcp(struct lab *lab)
{
	int fd = -1, ret = lab_connect(&fd, &lab->feed, O_NONBLOCK,
				       LAB_SOCKET_BUFFER);
	int kept = fd < 0 ? 0 : lab_keep_source(lab, fd);

	return ret ?: kept;
}

/**
 * lab_feed() - Put a chunk into a source that is a TCP connection.
 * @lab: the case
 *
 * Return: 0 or an error.
 */
int lab_feed(struct lab *lab)
{
	while (lab->queued < lab->chunk) {
		size_t at = lab->fed % lab->chunk;
		struct kvec vec = {
			.iov_base = lab->data + at,
			.iov_len = min(lab->chunk - at, lab->chunk - lab->queued),
		};
		struct msghdr msg = {};
		int ret = kernel_sendmsg(lab->feed, &msg, &vec, 1, vec.iov_len);

		if (ret < 0)
			return ret;
		lab->queued += ret;
		lab->fed += ret;
	}
	return 0;
}

static void lab_starve(struct lab *lab)
{
	/* Not sock_from_file(), which looks at the operations. */
	struct socket *sock = lab->in_file->private_data;

	while (lab->queued) {
		struct kvec vec = { .iov_base = lab->buf, .iov_len = lab->chunk };
		struct msghdr msg = {};
		int ret = kernel_recvmsg(sock, &msg, &vec, 1, vec.iov_len,
					 MSG_DONTWAIT);

		if (ret > 0)
			lab->queued -= ret;
		cond_resched();
	}
	lab->fed = 0;
}

/**
 * lab_rewind() - Go to the beginning of a pass.
 * @lab: the case
 */
void lab_rewind(struct lab *lab)
{
	lab->turn = 0;
	if (lab->feed)
		lab_starve(lab);
	prandom_seed_state(&lab->dice, 2);
	lab_next_file(lab);
}

/* Memory of the current task, of @file or anonymous. */
static int lab_map(unsigned long *where, struct file *file, unsigned long len)
{
	unsigned long addr = vm_mmap(file, 0, len, PROT_READ | PROT_WRITE,
				     file ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, 0);

	if (IS_ERR_VALUE(addr))
		return addr;
	*where = addr;
	return 0;
}

/**
 * lab_source_memory() - Let a case begin with user memory.
 * @lab: the case
 *
 * Return: 0 or an error.
 */
int lab_source_memory(struct lab *lab)
{
	int ret = 0;

	if (IS_ENABLED(CONFIG_PRIVPIPE)) {
		struct file *arena = pp_arena_create(lab->chunk);

		if (IS_ERR(arena))
			return PTR_ERR(arena);
		ret = lab_map(&lab->arena, arena, lab->chunk);
		fput(arena);	/* the mapping holds it */
	}
	if (!ret)
		ret = lab_map(&lab->anon, NULL, lab->chunk);
	return ret ?: lab_map(&lab->iov, NULL, PAGE_SIZE);
}

/* Up to a chunk of bytes that have arrived at the peer, or what it reads at a time. */
static int lab_receive_some(struct lab *lab, int flags)
{
	struct kvec vec = { .iov_base = lab->into, .iov_len = lab->chunk };
	struct msghdr msg = {};

	if (lab->path->flags & LAB_SLOW)
		vec.iov_len = min_t(size_t, vec.iov_len, LAB_SIP);
	if (lab->path->flags & LAB_DISCARD && !lab->verify)
		flags |= MSG_TRUNC;
	return kernel_recvmsg(lab->peer, &msg, &vec, 1, vec.iov_len, flags);
}

/**
 * lab_receive() - Be the peer of a sink that is a socket.
 * @lab: the case
 * @sent: how many more bytes were sent
 *
 * Takes the bytes that have arrived, or a few of them if it is slow; does nothing
 * for any other sink, or where another task reads.
 *
 * Return: 0 or an error.
 */
int lab_receive(struct lab *lab, size_t sent)
{
	if (!lab->peer || lab->apart)
		return 0;
	lab->pending += sent;
	while (lab->pending) {
		int ret = lab_receive_some(lab, MSG_DONTWAIT);

		if (ret == -EAGAIN)
			return 0;
		if (ret <= 0)
			return ret ?: -EPIPE;
		if (lab->verify)
			lab->crc = crc32_le(lab->crc, lab->into, ret);
		lab->pending -= ret;
		if (lab->path->flags & LAB_SLOW)
			break;
	}
	return 0;
}

/**
 * lab_read() - Read what another task puts into the sink, or into the first pipe.
 * @lab: the case
 * @until: how many bytes of the pass to wait for
 *
 * Return: 0 or an error.
 */
int lab_read(struct lab *lab, u64 until)
{
	while (lab->got < until) {
		ssize_t n = lab->peer ? lab_receive_some(lab, 0) :
			    kernel_read(lab->pipe[0].rd_file, lab->into,
					min_t(u64, lab->chunk, until - lab->got),
					NULL);

		if (n <= 0)
			return n ?: -EPIPE;
		if (lab->verify)
			lab->crc = crc32_le(lab->crc, lab->into, n);
		lab->got += n;
	}
	return 0;
}

/**
 * lab_hang_up() - Let the other task of a case fail, too.
 * @lab: the case
 * @reader: whether the calling task is the reader
 */
void lab_hang_up(struct lab *lab, bool reader)
{
	int *end = reader ? &lab->pipe[0].rd : &lab->pipe[0].wr;

	/* Others use the same end. */
	if (lab->shared)
		panic("lab: a task that shares a pipe has failed");
	if (lab->peer)
		kernel_sock_shutdown(lab->peer, SHUT_RDWR);
	else if (*end >= 0)
		close_fd(*end);
	*end = -1;
}

static struct lab_pipe *lab_open_pipes(struct lab *lab,
				       int (*open)(struct lab_pipe *pipe, u32 size,
						   int flags),
				       int *ret)
{
	int flags = lab->path->flags & LAB_FULL ? O_NONBLOCK : 0;
	unsigned int i, nr = max(lab->pipes, 2U);
	struct lab_pipe *pipes = kvcalloc(nr, sizeof(*pipes), GFP_KERNEL);

	if (!pipes)
		*ret = -ENOMEM;
	for (i = 0; pipes && i < nr; i++) {
		pipes[i].rd = -1;
		pipes[i].wr = -1;
		if (!*ret)
			*ret = open(&pipes[i], lab->ring, flags);
	}
	return pipes;
}

/**
 * lab_open() - Open everything that a case needs.
 * @lab: the case
 *
 * Return: 0 or an error; lab_close() is due in either case.
 */
int lab_open(struct lab *lab)
{
	struct rnd_state dice;
	int ret = 0;

	lab->in = -1;
	lab->out = -1;
	lab->device = -1;
	lab->data = vmalloc(lab->chunk);
	lab->buf = vzalloc(lab->chunk);
	/* Before a slow reader reads, not all of the buffer may have been sent. */
	lab->into = lab->apart || lab->path->flags & LAB_SLOW ?
		    vzalloc(lab->chunk) : lab->buf;
	if (!lab->data || !lab->buf || !lab->into)
		return -ENOMEM;
	prandom_seed_state(&dice, 3);
	prandom_bytes_state(&dice, lab->data, lab->chunk);

	lab->stock = lab_open_pipes(lab, lab_open_stock, &ret);
	if (!ret && IS_ENABLED(CONFIG_PRIVPIPE)) {
		ret = lab_open_file(&lab->device, &lab->device_file,
				    "/dev/privpipe", O_RDONLY);
		lab->private = lab_open_pipes(lab, lab_open_private, &ret);
	}
	if (!ret && lab->path->source)
		ret = lab->path->source(lab);
	if (!ret && lab->path->sink)
		ret = lab->path->sink(lab);
	if (!ret && lab->apart && lab->path->sink && !lab->peer)
		ret = -EINVAL;	/* nobody reads there */
	return ret;
}

static void lab_close_fd(int fd)
{
	if (fd >= 0)
		close_fd(fd);
}

static void lab_close_pipes(struct lab *lab, struct lab_pipe *pipes)
{
	unsigned int i;

	for (i = 0; pipes && i < max(lab->pipes, 2U); i++) {
		lab_close_fd(pipes[i].rd);
		lab_close_fd(pipes[i].wr);
	}
	kvfree(pipes);
}

/**
 * lab_close() - Undo lab_open().
 * @lab: the case
 */
void lab_close(struct lab *lab)
{
	if (IS_ENABLED(CONFIG_PRIVPIPE))
		lab_harden(false);
	if (lab->in_file)
		lab->in_file->f_op = lab->in_fops;
	if (lab->order < lab->fs_order)
		lab_limit_folios(lab, lab->fs_order);
	if (lab->peer)
		sock_release(lab->peer);
	if (lab->feed)
		sock_release(lab->feed);
	lab_close_fd(lab->device);
	lab_close_fd(lab->out);
	if (lab->files)
		while (lab->nr_files)
			close_fd(lab->files[--lab->nr_files]);
	else
		lab_close_fd(lab->in);
	kvfree(lab->files);
	lab_close_pipes(lab, lab->private);
	lab_close_pipes(lab, lab->stock);
	if (lab->arena)
		vm_munmap(lab->arena, lab->chunk);
	if (lab->anon)
		vm_munmap(lab->anon, lab->chunk);
	if (lab->iov)
		vm_munmap(lab->iov, PAGE_SIZE);
	vfree(lab->data);
	if (lab->into != lab->buf)
		vfree(lab->into);
	vfree(lab->buf);
}

static unsigned int lab_folio_pages(struct folio *folio, unsigned int *largest)
{
	unsigned int pages = folio_nr_pages(folio);

	*largest = max(*largest, pages);
	return pages;
}

static unsigned int lab_stock_pages(const struct pipe_inode_info *pipe,
				    unsigned int *largest)
{
	unsigned int i, j, pages = pp_pipe_spare(pipe);

	for (i = pipe->tail; i != pipe->head; i++) {
		struct folio *folio = page_folio(pipe_buf(pipe, i)->page);

		/* Several buffers can refer to one folio. */
		for (j = pipe->tail; page_folio(pipe_buf(pipe, j)->page) != folio;)
			j++;
		if (j == i)
			pages += lab_folio_pages(folio, largest);
	}
	return pages;
}

static unsigned int lab_ring_pages(struct pp_ring *ring, unsigned int *largest)
{
	unsigned int i, pages = ring->spare ? 1 : 0;

	for (i = ring->tail; i != ring->head; i++)
		pages += lab_folio_pages(pp_ring_slot(ring, i)->folio, largest);
	return pages;
}

/*
 * The pages that one of the pipes in use keeps from other uses: all of each folio in
 * it, and spare ones.  @largest grows to the pages of its largest folio.
 */
static unsigned int lab_pages(struct lab *lab, unsigned int i, unsigned int *largest)
{
	if (IS_ENABLED(CONFIG_PRIVPIPE) && lab->pipe == lab->private)
		return lab_ring_pages(lab->private[i].wr_file->private_data, largest);
	return lab_stock_pages(lab->stock[i].wr_file->private_data, largest);
}

/**
 * lab_look() - Note how much memory the first pipe keeps from other uses now.
 * @lab: the case
 */
void lab_look(struct lab *lab)
{
	unsigned int largest = lab->largest >> PAGE_SHIFT;
	u64 pinned = (u64)lab_pages(lab, 0, &largest) << PAGE_SHIFT;

	lab->pinned = max(lab->pinned, pinned);
	lab->largest = (u64)largest << PAGE_SHIFT;
}

/**
 * lab_count() - Ask the pipes of one pair.
 * @lab: the case
 *
 * Return: the sums.
 */
struct lab_counts lab_count(struct lab *lab)
{
	struct lab_counts counts = {};
	unsigned int i, largest = 0, pages = 0;

	for (i = 0; i < max(lab->pipes, 2U); i++) {
		struct pp_ring *ring = IS_ENABLED(CONFIG_PRIVPIPE) ?
				       lab->private[i].wr_file->private_data : NULL;

		if (ring) {
			counts.taken += ring->taken;
			counts.copied += ring->copied;
		}
		pages += lab_pages(lab, i, &largest);
	}
	counts.held = (u64)pages << PAGE_SHIFT;
	return counts;
}

/**
 * lab_held_outside() - Memory that is kept for pipes, but in none of the case's.
 * @lab: the case
 *
 * This machine has nothing to do but the case.
 *
 * Return: bytes: of the module's pools, or of the pipe that sendfile() has for this task.
 */
u64 lab_held_outside(struct lab *lab)
{
	unsigned int i, cpu, largest = 0, pages = 0;

	if (IS_ENABLED(CONFIG_PRIVPIPE) && lab->pipe == lab->private) {
		for_each_possible_cpu(cpu)
			for (i = 0; i <= PP_MAX_ORDER; i++)
				pages += per_cpu_ptr(&pp_pools[i], cpu)->nr << i;
	} else if (current->splice_pipe) {
		pages = lab_stock_pages(current->splice_pipe, &largest);
	}
	return (u64)pages << PAGE_SHIFT;
}
