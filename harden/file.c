// SPDX-License-Identifier: GPL-2.0
/*
 * Files into pipes, by copies.
 */
#include <linux/bvec.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/uio.h>

#include "harden.h"
#include "pipe.h"

static ssize_t pph_read_cache(struct kiocb *iocb, struct iov_iter *to)
{
	return filemap_read(iocb, to, 0);
}

/* Read at most PIPE_DEF_BUFFERS pages. */
static ssize_t pph_read_batch(struct file *in, loff_t *ppos,
			      struct pipe_inode_info *pipe, size_t len,
			      ssize_t (*read)(struct kiocb *, struct iov_iter *))
{
	struct pph_supply supply = {
		.gfp = mapping_gfp_constraint(in->f_mapping, GFP_HIGHUSER),
	};
	unsigned int i, nr = 0, offset = offset_in_page(*ppos);
	struct bio_vec bvec[PIPE_DEF_BUFFERS];
	struct iov_iter to;
	struct kiocb iocb;
	size_t want = 0;
	ssize_t ret, left;

	while (want < len) {
		struct page *page = pph_page_get(&supply, offset + len - want);
		size_t n = min_t(size_t, len - want, PAGE_SIZE - offset);

		if (!page)
			break;
		bvec_set_page(&bvec[nr++], page, n, offset);
		want += n;
		offset = 0;
	}
	if (!nr)
		return -ENOMEM;

	iov_iter_bvec(&to, ITER_DEST, bvec, nr, want);
	init_sync_kiocb(&iocb, in);
	iocb.ki_pos = *ppos;
	ret = read(&iocb, &to);

	left = max_t(ssize_t, ret, 0);
	for (i = 0; i < nr; i++) {
		struct bio_vec *bv = &bvec[i];
		size_t n = min_t(size_t, left, bv->bv_len);

		if (n)
			pph_push(pipe, bv->bv_page, bv->bv_offset, n);
		else
			put_page(bv->bv_page);
		left -= n;
	}
	pph_supply_end(&supply);
	if (ret > 0)
		*ppos = iocb.ki_pos;
	return ret;
}

/* Bytes keep their offset within a page, so they need as much room as in a stock kernel. */
static ssize_t pph_copy_file(struct file *in, loff_t *ppos,
			     struct pipe_inode_info *pipe, size_t len,
			     ssize_t (*read)(struct kiocb *, struct iov_iter *))
{
	size_t room = (size_t)pph_room(pipe) * PAGE_SIZE;
	ssize_t ret = 0, done = 0;

	if (!room)
		return 0;
	len = min_t(size_t, len, room - offset_in_page(*ppos));
	while (len) {
		loff_t left = i_size_read(in->f_mapping->host) - *ppos;
		size_t start = offset_in_page(*ppos);
		size_t batch;

		if (left <= 0) {
			/* As a read at the end of the file does: this is an access. */
			if (!done)
				file_accessed(in);
			break;
		}
		batch = min3((size_t)left, len,
			     PIPE_DEF_BUFFERS * PAGE_SIZE - start);
		ret = pph_read_batch(in, ppos, pipe, batch, read);
		if (ret <= 0)
			break;
		done += ret;
		len -= ret;
		/* A page of the pipe must begin where a page of the file does. */
		if (offset_in_page(*ppos))
			break;
		cond_resched();
	}
	return done ?: ret;
}

/**
 * pph_filemap_splice_read() - In place of filemap_splice_read().
 * @in: the file
 * @ppos: position in the file, in bytes; advanced by the bytes read
 * @pipe: the pipe, locked
 * @len: bytes at the most
 * @flags: SPLICE_F_*, only for the stock function
 *
 * All files with a page cache, except those in shmem, have this function as their
 * ->splice_read or call it there.  Some file systems hold a lock of the inode around it
 * that their ->read_iter also takes, so it reads the page cache and not the file.
 *
 * Return: bytes, 0 at the end of the file, or an error when there are none.
 */
ssize_t pph_filemap_splice_read(struct file *in, loff_t *ppos,
				struct pipe_inode_info *pipe, size_t len,
				unsigned int flags)
{
	ssize_t ret;

	if (pph_excepted())
		return static_call(pph_stock_file)(in, ppos, pipe, len, flags);
	ret = pph_copy_file(in, ppos, pipe, len, pph_read_cache);
	pph_count(PPH_FILE, ret);
	return ret;
}

/**
 * pph_shmem_splice_read() - In place of shmem_file_splice_read().
 * @in: the file
 * @ppos: position in the file, in bytes; advanced by the bytes read
 * @pipe: the pipe, locked
 * @len: bytes at the most
 * @flags: SPLICE_F_*, only for the stock function
 *
 * Only ever called as ->splice_read of shmem's regular files, whose ->read_iter
 * takes no lock.
 *
 * Return: bytes, 0 at the end of the file, or an error when there are none.
 */
ssize_t pph_shmem_splice_read(struct file *in, loff_t *ppos,
			      struct pipe_inode_info *pipe, size_t len,
			      unsigned int flags)
{
	ssize_t ret;

	if (pph_excepted())
		return static_call(pph_stock_shmem)(in, ppos, pipe, len, flags);
	ret = pph_copy_file(in, ppos, pipe, len, in->f_op->read_iter);
	pph_count(PPH_SHMEM, ret);
	return ret;
}
