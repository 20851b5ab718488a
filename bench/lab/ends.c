// SPDX-License-Identifier: GPL-2.0
/*
 * What the bytes come from, go through and go to: real descriptors of the
 * current task, so that every way pays for looking them up.
 */
#include <linux/crc32.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/in.h>
#include <linux/pipe_fs_i.h>
#include <linux/splice.h>
#include <linux/tcp.h>
#include <linux/vmalloc.h>
#include <net/sock.h>

#include "file.h"
#include "lab.h"

/* More than any call here sends, so that no window is ever the limit. */
#define LAB_SOCKET_BUFFER	SZ_8M

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

/* Keep what may be an error apart from what lab_close() has to close. */
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

static int lab_open_stock(struct lab_pipe *pipe, u32 size)
{
	int fds[2], ret;

	ret = do_pipe_flags(fds, 0);
	if (!ret)
		ret = lab_keep(&pipe->rd, &pipe->rd_file, fds[0]);
	if (!ret)
		ret = lab_keep(&pipe->wr, &pipe->wr_file, fds[1]);
	return ret ?: min(0L, pipe_fcntl(pipe->rd_file, F_SETPIPE_SZ, size));
}

static int lab_open_private(struct lab_pipe *pipe, u32 size)
{
	struct pp_ring *ring = pp_ring_create(size);
	struct file *ends[2];
	int ret;

	if (IS_ERR(ring))
		return PTR_ERR(ring);
	ret = pp_file_pair(ring, 0, ends);
	if (ret)
		return ret;
	ret = lab_keep(&pipe->wr, &pipe->wr_file, lab_install(ends[1]));
	return ret ?: lab_keep(&pipe->rd, &pipe->rd_file, lab_install(ends[0]));
}

/* A file that always copies: its own operations but for one. */
static struct file_operations lab_copy_fops;

static int lab_open_source(struct lab *lab)
{
	int ret;

	ret = lab_open_file(&lab->in, &lab->in_file, lab->file, O_RDONLY);
	if (!ret)
		ret = lab_open_file(&lab->in_copy, &lab->in_copy_file, lab->file,
				    O_RDONLY);
	if (ret)
		return ret;
	lab_copy_fops = *lab->in_copy_file->f_op;
	lab_copy_fops.splice_read = copy_splice_read;
	lab->in_copy_file->f_op = &lab_copy_fops;
	lab->size = i_size_read(file_inode(lab->in_file));
	return lab->size ? 0 : -EINVAL;
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

static int lab_listen(struct socket **listener, struct sockaddr_in *addr)
{
	int ret;

	ret = sock_create_kern(&init_net, AF_INET, SOCK_STREAM, IPPROTO_TCP,
			       listener);
	if (ret)
		return ret;
	lock_sock((*listener)->sk);
	(*listener)->sk->sk_rcvbuf = LAB_SOCKET_BUFFER;
	(*listener)->sk->sk_userlocks |= SOCK_RCVBUF_LOCK;
	release_sock((*listener)->sk);
	ret = kernel_bind(*listener, (struct sockaddr *)addr, sizeof(*addr));
	if (!ret)
		ret = kernel_listen(*listener, 1);
	if (!ret)
		ret = kernel_getsockname(*listener, (struct sockaddr *)addr);
	return min(ret, 0);
}

/**
 * lab_sink_tcp() - Let a case end in a TCP connection over the loopback device.
 * @lab: the case
 *
 * The sending side does not block: sender and receiver are one task, which
 * keeps the scheduler out of the figures.
 *
 * Return: 0 or an error.
 */
int lab_sink_tcp(struct lab *lab)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct socket *listener = NULL, *sock;
	struct file *file;
	int ret;

	ret = lab_listen(&listener, &addr);
	if (ret)
		goto out_release;
	ret = sock_create_kern(&init_net, AF_INET, SOCK_STREAM, IPPROTO_TCP,
			       &sock);
	if (ret)
		goto out_release;
	tcp_sock_set_nodelay(sock->sk);
	lock_sock(sock->sk);
	sock->sk->sk_sndbuf = LAB_SOCKET_BUFFER;
	sock->sk->sk_userlocks |= SOCK_SNDBUF_LOCK;
	release_sock(sock->sk);
	/* It owns the socket now, also when it fails. */
	file = sock_alloc_file(sock, 0, NULL);
	ret = lab_keep(&lab->out, &lab->out_file, lab_install(file));
	if (!ret)
		ret = kernel_connect(sock, (struct sockaddr *)&addr,
				     sizeof(addr), 0);
	if (!ret)
		ret = kernel_accept(listener, &lab->peer, 0);
	if (!ret)
		file->f_flags |= O_NONBLOCK;
out_release:
	if (listener)
		sock_release(listener);
	return ret;
}

/**
 * lab_receive() - Be the peer of a sink that is a socket.
 * @lab: the case
 * @sent: how many more bytes were sent
 *
 * Takes what has arrived; for any other sink this does nothing.
 *
 * Return: 0 or an error.
 */
int lab_receive(struct lab *lab, size_t sent)
{
	int flags = MSG_DONTWAIT;

	if (!lab->peer)
		return 0;
	if (lab->discard && !lab->verify)
		flags |= MSG_TRUNC;
	lab->pending += sent;
	while (lab->pending) {
		struct kvec vec = { .iov_base = lab->buf, .iov_len = lab->chunk };
		struct msghdr msg = {};
		int ret;

		ret = kernel_recvmsg(lab->peer, &msg, &vec, 1, vec.iov_len, flags);
		if (ret == -EAGAIN)
			return 0;
		if (ret <= 0)
			return ret ?: -EPIPE;
		if (lab->verify)
			lab->crc = crc32_le(lab->crc, lab->buf, ret);
		lab->pending -= ret;
	}
	return 0;
}

/**
 * lab_open() - Open everything that a case needs.
 * @lab: the case
 *
 * Return: 0 or an error; lab_close() is due in either case.
 */
int lab_open(struct lab *lab)
{
	unsigned int i;
	int ret = 0;

	lab->in = -1;
	lab->in_copy = -1;
	lab->out = -1;
	lab->device = -1;
	for (i = 0; i < ARRAY_SIZE(lab->stock); i++) {
		lab->stock[i].rd = -1;
		lab->stock[i].wr = -1;
		lab->private[i].rd = -1;
		lab->private[i].wr = -1;
	}
	lab->buf = vmalloc(lab->chunk);
	if (!lab->buf)
		return -ENOMEM;
	memset(lab->buf, 0x5a, lab->chunk);

	ret = lab_open_file(&lab->device, &lab->device_file, "/dev/privpipe",
			    O_RDONLY);
	for (i = 0; i < ARRAY_SIZE(lab->stock) && !ret; i++) {
		ret = lab_open_stock(&lab->stock[i], lab->ring);
		if (!ret)
			ret = lab_open_private(&lab->private[i], lab->ring);
	}
	if (!ret && lab->path->source)
		ret = lab_open_source(lab);
	lab->discard = lab->path->discard;
	if (!ret && lab->path->sink)
		ret = lab->path->sink(lab);
	return ret;
}

static void lab_close_fd(int fd)
{
	if (fd >= 0)
		close_fd(fd);
}

/**
 * lab_close() - Close what lab_open() opened.
 * @lab: the case
 */
void lab_close(struct lab *lab)
{
	unsigned int i;

	if (lab->peer)
		sock_release(lab->peer);
	lab_close_fd(lab->device);
	lab_close_fd(lab->out);
	lab_close_fd(lab->in_copy);
	lab_close_fd(lab->in);
	for (i = 0; i < ARRAY_SIZE(lab->stock); i++) {
		lab_close_fd(lab->private[i].rd);
		lab_close_fd(lab->private[i].wr);
		lab_close_fd(lab->stock[i].rd);
		lab_close_fd(lab->stock[i].wr);
	}
	vfree(lab->buf);
}
