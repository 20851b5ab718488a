// SPDX-License-Identifier: GPL-2.0
/* Helpers that the suites share; see support.h. */
#include <linux/fdtable.h>
#include <linux/highmem.h>
#include <linux/init.h>
#include <linux/mman.h>
#include <linux/mount.h>
#include <linux/net.h>
#include <linux/pseudo_fs.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include <linux/swap.h>
#include <linux/uaccess.h>

#include "splice.h"
#include "support.h"

/*
 * Bytes
 */

/**
 * pp_test_fill() - Write the pattern.
 * @to: where to
 * @pos: which part of the pattern
 * @len: how many bytes
 */
void pp_test_fill(void *to, u64 pos, size_t len)
{
	u8 *p = to;
	size_t i;

	for (i = 0; i < len; i++)
		p[i] = pp_test_byte(pos + i);
}

/**
 * pp_test_expect() - Expect the pattern; report the first wrong byte.
 * @test: the test
 * @from: where it should be
 * @pos: which part of the pattern
 * @len: how many bytes
 */
void pp_test_expect(struct kunit *test, const void *from, u64 pos, size_t len)
{
	const u8 *p = from;
	size_t i;

	for (i = 0; i < len; i++) {
		if (p[i] == pp_test_byte(pos + i))
			continue;
		KUNIT_FAIL(test, "byte %zu of %zu is %#x, but position %llu has %#x",
			   i, len, p[i], pos + i, pp_test_byte(pos + i));
		return;
	}
}

/**
 * pp_test_fill_folio() - Write the pattern to a folio.
 * @folio: the folio
 * @offset: where in it, in bytes
 * @pos: which part of the pattern
 * @len: how many bytes
 */
void pp_test_fill_folio(struct folio *folio, size_t offset, u64 pos, size_t len)
{
	pp_test_fill(folio_address(folio) + offset, pos, len);
}

/**
 * pp_test_expect_folio() - Expect the pattern in a folio.
 * @test: the test
 * @folio: the folio
 * @offset: where in it, in bytes
 * @pos: which part of the pattern
 * @len: how many bytes
 */
void pp_test_expect_folio(struct kunit *test, struct folio *folio, size_t offset,
			  u64 pos, size_t len)
{
	pp_test_expect(test, folio_address(folio) + offset, pos, len);
}

/**
 * pp_test_pattern() - Allocate memory with the pattern in it.
 * @test: the test
 * @pos: which part of the pattern
 * @len: how many bytes
 *
 * Return: the memory, which is freed when the test ends.
 */
void *pp_test_pattern(struct kunit *test, u64 pos, size_t len)
{
	void *p = kunit_kmalloc(test, len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	pp_test_fill(p, pos, len);
	return p;
}

/*
 * Rings
 */

KUNIT_DEFINE_ACTION_WRAPPER(pp_test_ring_destroy, pp_ring_destroy,
			    struct pp_ring *);

/**
 * pp_test_ring() - Make a pipe without files, as if it had one reader and writer.
 * @test: the test
 * @pages: its capacity, a power of two
 *
 * Return: the pipe.
 */
struct pp_ring *pp_test_ring(struct kunit *test, unsigned int pages)
{
	struct pp_ring *ring = pp_ring_create(pages << PAGE_SHIFT);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, ring);
	KUNIT_ASSERT_EQ(test, ring->capacity, pages);
	ring->readers = 1;
	ring->writers = 1;
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, pp_test_ring_destroy,
							ring), 0);
	return ring;
}

/**
 * pp_test_stay() - Stay on this CPU, where folios to use again are kept.
 * @test: the test, which has a thread of its own
 *
 * Return: 0 or an error, as the init function of a suite does.
 */
int pp_test_stay(struct kunit *test)
{
	return set_cpus_allowed_ptr(current, cpumask_of(raw_smp_processor_id()));
}

/**
 * pp_test_slot() - Make a slot with the pattern in it.
 * @test: the test
 * @order: of the folio
 * @offset: where in the folio, in bytes
 * @len: how many bytes
 * @pos: which part of the pattern
 *
 * Return: the slot; the caller owns the folio.
 */
struct pp_slot pp_test_slot(struct kunit *test, unsigned int order, size_t offset,
			    size_t len, u64 pos)
{
	struct pp_slot slot = {
		.folio = pp_folio_alloc(1U << order),
		.offset = offset,
		.len = len,
	};

	KUNIT_ASSERT_NOT_NULL(test, slot.folio);
	KUNIT_ASSERT_EQ(test, folio_order(slot.folio), order);
	pp_test_fill_folio(slot.folio, offset, pos, len);
	return slot;
}

/**
 * pp_test_push() - Put bytes into a pipe, in a folio of their own.
 * @test: the test
 * @ring: the pipe, with room
 * @order: of the folio
 * @offset: where in the folio, in bytes
 * @len: how many bytes
 * @pos: which part of the pattern
 */
void pp_test_push(struct kunit *test, struct pp_ring *ring, unsigned int order,
		  size_t offset, size_t len, u64 pos)
{
	struct pp_slot slot = pp_test_slot(test, order, offset, len, pos);

	mutex_lock(&ring->lock);
	pp_ring_push(ring, slot);
	pp_ring_unlock(ring);
}

/**
 * pp_test_consume() - Take bytes out of a pipe without looking at them.
 * @ring: the pipe
 * @len: how many; the pipe must have as many
 */
void pp_test_consume(struct pp_ring *ring, size_t len)
{
	mutex_lock(&ring->lock);
	pp_ring_consume(ring, len);
	pp_ring_unlock(ring);
}

/**
 * pp_test_expect_ring() - Expect the pattern in a pipe, and check its counters.
 * @test: the test
 * @ring: the pipe, which keeps the bytes
 * @pos: which part of the pattern
 * @len: how many bytes there should be
 */
void pp_test_expect_ring(struct kunit *test, struct pp_ring *ring, u64 pos,
			 size_t len)
{
	unsigned int i, used = 0, held = 0;
	size_t bytes = 0;

	mutex_lock(&ring->lock);
	for (i = ring->tail; i != ring->head; i++) {
		struct pp_slot *slot = pp_ring_slot(ring, i);

		KUNIT_EXPECT_NE(test, (u32)slot->len, 0);
		KUNIT_EXPECT_LE(test, (size_t)slot->offset + slot->len,
				folio_size(slot->folio));
		KUNIT_EXPECT_PTR_EQ(test, slot->folio->mapping, NULL);
		pp_test_expect_folio(test, slot->folio, slot->offset, pos + bytes,
				     slot->len);
		bytes += slot->len;
		used += pp_slot_pages(slot);
		held += folio_nr_pages(slot->folio);
	}
	KUNIT_EXPECT_EQ(test, bytes, len);
	KUNIT_EXPECT_EQ(test, ring->used, used);
	KUNIT_EXPECT_EQ(test, ring->held, held);
	KUNIT_EXPECT_LE(test, ring->used + ring->reserved, ring->capacity);
	KUNIT_EXPECT_EQ(test, ring->room, pp_ring_room(ring));
	mutex_unlock(&ring->lock);
}

/*
 * Files
 */

static void pp_test_fput(void *file)
{
	__fput_sync(file);
}

/**
 * pp_test_keep() - Close a file when the test ends.
 * @test: the test
 * @file: the file, or an ERR_PTR(), which fails the test
 */
void pp_test_keep(struct kunit *test, struct file *file)
{
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, file);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, pp_test_fput, file), 0);
}

/**
 * pp_test_close() - Close a file now.
 * @test: the test
 * @file: one that pp_test_keep() knows
 */
void pp_test_close(struct kunit *test, struct file *file)
{
	kunit_release_action(test, pp_test_fput, file);
}

static void pp_test_close_fd(void *fd)
{
	close_fd((unsigned long)fd);
	flush_delayed_fput();
}

/**
 * pp_test_fd() - Get a descriptor that lasts as long as the test.
 * @test: the test
 * @file: the file, which also needs pp_test_keep()
 *
 * Return: the descriptor.
 */
int pp_test_fd(struct kunit *test, struct file *file)
{
	int fd = get_unused_fd_flags(O_CLOEXEC);

	KUNIT_ASSERT_GE(test, fd, 0);
	fd_install(fd, get_file(file));
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, pp_test_close_fd,
							(void *)(unsigned long)fd), 0);
	return fd;
}

/**
 * pp_test_pipe() - Make a private pipe.
 * @test: the test
 * @pages: its capacity
 * @flags: O_NONBLOCK, O_DIRECT
 * @ends: returns the read end and the write end
 */
void pp_test_pipe(struct kunit *test, unsigned int pages, int flags,
		  struct file *ends[2])
{
	struct pp_ring *ring = pp_ring_create(pages << PAGE_SHIFT);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, ring);
	KUNIT_ASSERT_EQ(test, pp_end_pair(ring, flags, ends), 0);
	pp_test_keep(test, ends[0]);
	pp_test_keep(test, ends[1]);
}

/**
 * pp_test_stock_pipe() - Make a stock pipe.
 * @test: the test
 * @ends: returns the read end and the write end
 */
void pp_test_stock_pipe(struct kunit *test, struct file *ends[2])
{
	KUNIT_ASSERT_EQ(test, create_pipe_files(ends, 0), 0);
	pp_test_keep(test, ends[0]);
	pp_test_keep(test, ends[1]);
}

/**
 * pp_test_socket_pair() - Make two connected sockets that take pages.
 * @test: the test
 * @ends: returns them
 */
void pp_test_socket_pair(struct kunit *test, struct file *ends[2])
{
	struct socket *socks[2];
	int i;

	for (i = 0; i < 2; i++) {
		KUNIT_ASSERT_EQ(test, sock_create(AF_UNIX, SOCK_STREAM, 0, &socks[i]), 0);
		ends[i] = sock_alloc_file(socks[i], O_RDWR, NULL);
		pp_test_keep(test, ends[i]);
	}
	KUNIT_ASSERT_EQ(test, socks[0]->ops->socketpair(socks[0], socks[1]), 0);
}

/**
 * pp_test_scratch_file() - Make an empty file to write to.
 * @test: the test
 *
 * Return: the file, in tmpfs.
 */
struct file *pp_test_scratch_file(struct kunit *test)
{
	struct file *file = shmem_kernel_file_setup("privpipe-test", 0, VM_NORESERVE);

	pp_test_keep(test, file);
	file->f_mode |= FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE;
	return file;
}

static loff_t *pp_test_pos(struct file *file)
{
	return file->f_mode & FMODE_STREAM ? NULL : &file->f_pos;
}

/**
 * pp_test_write() - Write the pattern to a file, all of it.
 * @test: the test
 * @file: the file
 * @pos: which part of the pattern; it goes to the file's position
 * @len: how many bytes
 */
void pp_test_write(struct kunit *test, struct file *file, u64 pos, size_t len)
{
	void *buf = pp_test_pattern(test, pos, len);

	KUNIT_ASSERT_EQ(test, kernel_write(file, buf, len, pp_test_pos(file)), len);
	kunit_kfree(test, buf);
}

/**
 * pp_test_expect_read() - Expect the pattern when reading a file.
 * @test: the test
 * @file: the file, read at its position
 * @pos: which part of the pattern
 * @len: how many bytes
 */
void pp_test_expect_read(struct kunit *test, struct file *file, u64 pos, size_t len)
{
	u8 *buf = kunit_kzalloc(test, len, GFP_KERNEL);
	size_t done = 0;
	ssize_t got;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	while (done < len) {
		got = kernel_read(file, buf + done, len - done, pp_test_pos(file));
		KUNIT_ASSERT_GT(test, got, 0);
		done += got;
	}
	pp_test_expect(test, buf, pos, len);
	kunit_kfree(test, buf);
}

/*
 * A filesystem whose files have the pattern in them, clean in the page cache.
 * An inode's i_private is one more than the index of a page that can't be read.
 */

static int pp_test_read_folio(struct file *file, struct folio *folio)
{
	unsigned long bad = (unsigned long)folio->mapping->host->i_private;
	bool ok = !bad || folio->index != bad - 1;

	if (ok)
		pp_test_fill_folio(folio, 0, folio_pos(folio), folio_size(folio));
	folio_end_read(folio, ok);
	return ok ? 0 : -EIO;
}

/* Refuses to release the private data of a folio, so that it can't be taken. */
static bool pp_test_release_folio(struct folio *folio, gfp_t gfp)
{
	return false;
}

static void pp_test_invalidate_folio(struct folio *folio, size_t offset, size_t len)
{
	folio_detach_private(folio);
}

static const struct address_space_operations pp_test_aops = {
	.read_folio = pp_test_read_folio,
	.dirty_folio = noop_dirty_folio,
	.release_folio = pp_test_release_folio,
	.invalidate_folio = pp_test_invalidate_folio,
};

static const struct file_operations pp_test_fops = {
	.llseek = generic_file_llseek,
	.read_iter = generic_file_read_iter,
	.splice_read = filemap_splice_read,
	.mmap = generic_file_mmap,
};

static struct vfsmount *pp_test_mnt;

static int pp_test_init_fs_context(struct fs_context *fc)
{
	return init_pseudo(fc, 0x50505054) ? 0 : -ENOMEM;
}

static struct file_system_type pp_test_fs_type = {
	.name = "privpipe-test",
	.init_fs_context = pp_test_init_fs_context,
	.kill_sb = kill_anon_super,
};

static int __init pp_test_fs_init(void)
{
	pp_test_mnt = kern_mount(&pp_test_fs_type);
	return PTR_ERR_OR_ZERO(pp_test_mnt);
}
late_initcall(pp_test_fs_init);

static struct file *pp_test_open(struct kunit *test, umode_t mode,
				 const struct file_operations *fops, void *private)
{
	struct inode *inode = alloc_anon_inode(pp_test_mnt->mnt_sb);
	struct file *file;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, inode);
	inode->i_mode = mode | 0600;
	inode->i_mapping->a_ops = &pp_test_aops;
	mapping_set_large_folios(inode->i_mapping);
	file = alloc_file_pseudo(inode, pp_test_mnt, "privpipe-test", O_RDWR, fops);
	if (IS_ERR(file))
		iput(inode);
	pp_test_keep(test, file);
	file->private_data = private;
	return file;
}

/**
 * pp_test_file() - Make a file that has the pattern in it.
 * @test: the test
 * @size: how long it is, in bytes
 *
 * Return: the file, which can be read and not written.
 */
struct file *pp_test_file(struct kunit *test, loff_t size)
{
	struct file *file = pp_test_open(test, S_IFREG, &pp_test_fops, NULL);

	file->f_mode |= FMODE_LSEEK | FMODE_PREAD;
	i_size_write(file_inode(file), size);
	return file;
}

/**
 * pp_test_break() - Make reading a page from the disk fail from now on.
 * @file: from pp_test_file()
 * @index: which page
 */
void pp_test_break(struct file *file, pgoff_t index)
{
	file_inode(file)->i_private = (void *)(index + 1);
}

/**
 * pp_test_cache() - Put a folio of a given order into the page cache.
 * @test: the test
 * @file: from pp_test_file()
 * @index: the page that it begins at
 * @order: of the folio
 *
 * Return: the folio, uptodate, clean, on the LRU, and the page cache's alone.
 */
struct folio *pp_test_cache(struct kunit *test, struct file *file, pgoff_t index,
			    unsigned int order)
{
	struct folio *folio = folio_alloc(GFP_KERNEL, order);

	KUNIT_ASSERT_NOT_NULL(test, folio);
	pp_test_fill_folio(folio, 0, (u64)index << PAGE_SHIFT, folio_size(folio));
	folio_mark_uptodate(folio);
	KUNIT_ASSERT_EQ(test, filemap_add_folio(file->f_mapping, folio, index,
						GFP_KERNEL), 0);
	folio_unlock(folio);
	folio_put(folio);
	lru_add_drain_all();
	KUNIT_ASSERT_EQ(test, folio_ref_count(folio), folio_nr_pages(folio));
	return folio;
}

/**
 * pp_test_cached() - Whether a page of a file is in the page cache.
 * @file: the file
 * @index: which page
 *
 * Return: true if it is.
 */
bool pp_test_cached(struct file *file, pgoff_t index)
{
	struct folio *folio = filemap_get_folio(file->f_mapping, index);

	if (IS_ERR(folio))
		return false;
	folio_put(folio);
	return true;
}

static ssize_t pp_test_io_step(struct pp_test_io *io, size_t len)
{
	if (io->error && io->done >= io->good)
		return io->error;
	if (io->error)
		len = min(len, io->good - io->done);
	return io->most ? min(len, io->most) : len;
}

static ssize_t pp_test_stream_read(struct kiocb *iocb, struct iov_iter *to)
{
	struct pp_test_io *io = iocb->ki_filp->private_data;
	ssize_t i, n = pp_test_io_step(io, iov_iter_count(to));

	for (i = 0; i < n; i++) {
		u8 byte = pp_test_byte(io->done++);

		if (copy_to_iter(&byte, 1, to) != 1)
			return -EFAULT;
	}
	return n;
}

static ssize_t pp_test_stream_write(struct kiocb *iocb, struct iov_iter *from)
{
	struct pp_test_io *io = iocb->ki_filp->private_data;
	ssize_t n = pp_test_io_step(io, iov_iter_count(from));

	if (n <= 0)
		return n;
	if (io->got && copy_from_iter(io->got + io->done, n, from) != n)
		return -EFAULT;
	io->done += n;
	return n;
}

static const struct file_operations pp_test_stream_fops = {
	.read_iter = pp_test_stream_read,
	.write_iter = pp_test_stream_write,
	.splice_read = copy_splice_read,
	.splice_write = iter_file_splice_write,
};

/**
 * pp_test_stream() - Make a character device to read and write.
 * @test: the test
 * @io: how it behaves; kept until the file is closed
 *
 * Return: the device.
 */
struct file *pp_test_stream(struct kunit *test, struct pp_test_io *io)
{
	struct file *file = pp_test_open(test, S_IFCHR, &pp_test_stream_fops, io);

	stream_open(file_inode(file), file);
	return file;
}

/**
 * pp_test_device() - Make a stand-in for an open /dev/privpipe.
 * @test: the test
 *
 * Return: the file.
 */
struct file *pp_test_device(struct kunit *test)
{
	return pp_test_open(test, S_IFCHR, &pp_device_fops, NULL);
}

/*
 * User memory
 */

/**
 * pp_test_map() - Map a file for the test's task.
 * @test: the test
 * @file: the file, or NULL for memory
 * @len: how many bytes
 * @offset: where in the file, in bytes
 *
 * Return: the mapping, shared if it is a file's, to be read and written.
 */
char __user *pp_test_map(struct kunit *test, struct file *file, size_t len,
			 unsigned long offset)
{
	unsigned long addr = kunit_vm_mmap(test, file, 0, len, PROT_READ | PROT_WRITE,
					   file ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS,
					   offset);

	KUNIT_ASSERT_NE(test, addr, 0);
	KUNIT_ASSERT_LT(test, addr, TASK_SIZE);
	return (char __user *)addr;
}

/**
 * pp_test_user() - Map memory for the test's task.
 * @test: the test
 * @len: how many bytes
 *
 * Return: the memory; the page behind it can't be accessed.
 */
char __user *pp_test_user(struct kunit *test, size_t len)
{
	size_t size = PAGE_ALIGN(len);
	char __user *memory = pp_test_map(test, NULL, size + PAGE_SIZE, 0);
	unsigned long end = (unsigned long)memory + size;

	KUNIT_ASSERT_EQ(test, vm_mmap(NULL, end, PAGE_SIZE, PROT_NONE, MAP_ANONYMOUS |
				      MAP_PRIVATE | MAP_FIXED, 0), end);
	return memory;
}

/**
 * pp_test_fill_user() - Write the pattern to user memory.
 * @test: the test
 * @to: where to
 * @pos: which part of the pattern
 * @len: how many bytes
 */
void pp_test_fill_user(struct kunit *test, char __user *to, u64 pos, size_t len)
{
	void *buf = pp_test_pattern(test, pos, len);

	KUNIT_ASSERT_EQ(test, copy_to_user(to, buf, len), 0);
	kunit_kfree(test, buf);
}

/**
 * pp_test_expect_user() - Expect the pattern in user memory.
 * @test: the test
 * @from: where it should be
 * @pos: which part of the pattern
 * @len: how many bytes
 */
void pp_test_expect_user(struct kunit *test, const char __user *from, u64 pos,
			 size_t len)
{
	void *buf = kunit_kzalloc(test, len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_ASSERT_EQ(test, copy_from_user(buf, from, len), 0);
	pp_test_expect(test, buf, pos, len);
	kunit_kfree(test, buf);
}

/**
 * pp_test_command() - Make an ioctl.
 * @test: the test
 * @file: the file to make it on
 * @cmd: PRIVPIPE_CREATE and so on
 * @arg: its structure, which is copied to user memory and back
 * @size: how much of it to copy, in bytes
 *
 * Return: the return value of the ioctl.
 */
long pp_test_command(struct kunit *test, struct file *file, unsigned int cmd,
		     void *arg, size_t size)
{
	char __user *uarg = pp_test_user(test, size);
	long ret;

	KUNIT_ASSERT_EQ(test, copy_to_user(uarg, arg, size), 0);
	ret = file->f_op->unlocked_ioctl(file, cmd, (unsigned long)uarg);
	KUNIT_ASSERT_EQ(test, copy_from_user(arg, uarg, size), 0);
	return ret;
}

/**
 * pp_test_splice() - Splice, from kernel space.
 * @test: the test
 * @in: where from
 * @out: where to; one of the two is an end of a private pipe
 * @arg: everything but the descriptors
 *
 * Return: what the ioctl would return.
 */
long pp_test_splice(struct kunit *test, struct file *in, struct file *out,
		    struct privpipe_splice arg)
{
	struct pp_call call = {
		.file = pp_ring_of(in) ? in : out,
		.arg.splice = arg,
	};

	call.arg.splice.fd_in = pp_test_fd(test, in);
	call.arg.splice.fd_out = pp_test_fd(test, out);
	return pp_splice(&call);
}

/*
 * Failures
 */

static unsigned int pp_test_nth;

static struct folio *pp_test_folio_alloc(unsigned int pages)
{
	struct kunit *test = kunit_get_current_test();
	struct folio *folio;

	if (pp_test_nth && !--pp_test_nth)
		return NULL;
	kunit_deactivate_static_stub(test, pp_folio_alloc);
	folio = pp_folio_alloc(pages);
	kunit_activate_static_stub(test, pp_folio_alloc, pp_test_folio_alloc);
	return folio;
}

/**
 * pp_test_fail_folio() - Make a call of pp_folio_alloc() fail.
 * @test: the test; only calls in its task fail
 * @nth: which call from now on, or 0 for none
 */
void pp_test_fail_folio(struct kunit *test, unsigned int nth)
{
	pp_test_nth = nth;
	kunit_activate_static_stub(test, pp_folio_alloc, pp_test_folio_alloc);
}

static size_t pp_test_most;

static ssize_t pp_test_read_stage(struct file *in, loff_t *pos, struct pp_stage *stage,
				  unsigned int flags)
{
	struct kunit *test = kunit_get_current_test();
	ssize_t ret, cut;

	kunit_deactivate_static_stub(test, pp_read_stage);
	ret = pp_read_stage(in, pos, stage, flags);
	kunit_activate_static_stub(test, pp_read_stage, pp_test_read_stage);
	cut = max_t(ssize_t, ret - (ssize_t)pp_test_most, 0);
	*pos -= cut;
	return ret - cut;
}

/**
 * pp_test_cut_reads() - Make every call of pp_read_stage() short.
 * @test: the test; only calls in its task are short
 * @most: how many bytes it reads at the most
 */
void pp_test_cut_reads(struct kunit *test, size_t most)
{
	pp_test_most = most;
	kunit_activate_static_stub(test, pp_read_stage, pp_test_read_stage);
}
