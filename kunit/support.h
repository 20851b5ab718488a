/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Helpers for all suites: a pattern whose bytes differ by position, and pipes, files and
 * memory that are freed when the test ends.
 */
#ifndef PRIVPIPE_KUNIT_SUPPORT_H
#define PRIVPIPE_KUNIT_SUPPORT_H

#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/pipe_fs_i.h>
#include <linux/splice.h>

#include "command.h"
#include "device.h"
#include "end.h"
#include "fs.h"
#include "ring.h"
#include "stats.h"
#include "take.h"

/**
 * pp_test_byte() - The byte of the pattern at a position.
 * @pos: the position, in bytes
 *
 * Exchanged bytes, rows of 256 bytes and pages are all noticed.
 *
 * Return: the byte.
 */
static inline u8 pp_test_byte(u64 pos)
{
	return pos + (pos >> 8) * 7 + (pos >> PAGE_SHIFT) * 151 + 1;
}

void pp_test_fill(void *to, u64 pos, size_t len);
void pp_test_fill_folio(struct folio *folio, size_t offset, u64 pos, size_t len);
void pp_test_expect(struct kunit *test, const void *from, u64 pos, size_t len);
void pp_test_expect_folio(struct kunit *test, struct folio *folio, size_t offset,
			  u64 pos, size_t len);
void *pp_test_pattern(struct kunit *test, u64 pos, size_t len);

struct pp_ring *pp_test_ring(struct kunit *test, unsigned int pages);
int pp_test_stay(struct kunit *test);
struct pp_slot pp_test_slot(struct kunit *test, unsigned int order, size_t offset,
			    size_t len, u64 pos);
void pp_test_push(struct kunit *test, struct pp_ring *ring, unsigned int order,
		  size_t offset, size_t len, u64 pos);
void pp_test_consume(struct pp_ring *ring, size_t len);
void pp_test_expect_ring(struct kunit *test, struct pp_ring *ring, u64 pos,
			 size_t len);

void pp_test_pipe(struct kunit *test, unsigned int pages, int flags,
		  struct file *ends[2]);
void pp_test_stock_pipe(struct kunit *test, struct file *ends[2]);
void pp_test_socket_pair(struct kunit *test, struct file *ends[2]);
struct file *pp_test_file(struct kunit *test, loff_t size);
struct file *pp_test_scratch_file(struct kunit *test);
void pp_test_write(struct kunit *test, struct file *file, u64 pos, size_t len);
void pp_test_expect_read(struct kunit *test, struct file *file, u64 pos,
			 size_t len);
void pp_test_keep(struct kunit *test, struct file *file);
void pp_test_close(struct kunit *test, struct file *file);
int pp_test_fd(struct kunit *test, struct file *file);

void pp_test_break(struct file *file, pgoff_t index);
struct folio *pp_test_cache(struct kunit *test, struct file *file, pgoff_t index,
			    unsigned int order);
bool pp_test_cached(struct file *file, pgoff_t index);

/**
 * struct pp_test_io - how the files of pp_test_stream() behave
 * @most: how many bytes one call moves at most, 0 for no limit
 * @error: the error of all calls after @good bytes have moved, 0 for none
 * @good: see @error
 * @done: bytes moved; a source has pp_test_byte() at each position
 * @got: receives the bytes written, or NULL
 */
struct pp_test_io {
	size_t most;
	int error;
	size_t good;
	size_t done;
	u8 *got;
};

struct file *pp_test_stream(struct kunit *test, struct pp_test_io *io);
struct file *pp_test_device(struct kunit *test);

char __user *pp_test_map(struct kunit *test, struct file *file, size_t len,
			 unsigned long offset);
char __user *pp_test_user(struct kunit *test, size_t len);
void pp_test_fill_user(struct kunit *test, char __user *to, u64 pos, size_t len);
void pp_test_expect_user(struct kunit *test, const char __user *from, u64 pos,
			 size_t len);
long pp_test_command(struct kunit *test, struct file *file, unsigned int cmd,
		     void *arg, size_t size);
long pp_test_splice(struct kunit *test, struct file *in, struct file *out,
		    struct privpipe_splice arg);

void pp_test_fail_folio(struct kunit *test, unsigned int nth);
void pp_test_cut_reads(struct kunit *test, size_t most);

#endif /* PRIVPIPE_KUNIT_SUPPORT_H */
