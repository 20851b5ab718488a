// SPDX-License-Identifier: GPL-2.0
/* sendfile: from files to any target, with one copy or, to sockets, with none. */

#include <linux/swap.h>

#include "sendfile.h"
#include "support.h"

/* The call on a device of its own. @arg has everything but the descriptors. */
static long sendfile(struct kunit *test, struct file *in, struct file *out,
		     struct privpipe_sendfile arg)
{
	struct pp_call call = { .arg.sendfile = arg };

	call.arg.sendfile.fd_in = pp_test_fd(test, in);
	call.arg.sendfile.fd_out = pp_test_fd(test, out);
	return pp_sendfile(&call);
}

static const struct send_case {
	const char *name;
	loff_t pos;
	size_t count;
	ssize_t ret;
} send_cases[] = {
	{ "nothing", 0, 0, 0 },
	{ "a byte", 0, 1, 1 },
	{ "across a boundary", PAGE_SIZE - 1, 2, 2 },
	{ "an odd piece", 12345, 77777, 77777 },
	{ "64 KiB", 0, SZ_64K, SZ_64K },
	{ "the end of the file", 199999, SZ_1M, 1 },
	{ "behind the end of the file", 200001, 1, 0 },
	{ "the whole file", 0, SZ_1G, 200000 },
};

KUNIT_ARRAY_PARAM_DESC(send, send_cases, name);

static void sendfile_test_to_file(struct kunit *test)
{
	const struct send_case *c = test->param_value;
	struct file *in = pp_test_file(test, 200000);
	struct file *out = pp_test_scratch_file(test);

	in->f_pos = c->pos;
	KUNIT_EXPECT_EQ(test, sendfile(test, in, out, (struct privpipe_sendfile) {
				.count = c->count }), c->ret);
	KUNIT_EXPECT_EQ(test, in->f_pos, c->pos + c->ret);
	KUNIT_EXPECT_EQ(test, out->f_pos, c->ret);
	out->f_pos = 0;
	pp_test_expect_read(test, out, c->pos, c->ret);
}

static void sendfile_test_offset_advances(struct kunit *test)
{
	struct file *in = pp_test_file(test, SZ_64K);
	struct file *out = pp_test_scratch_file(test);
	char __user *off = pp_test_user(test, sizeof(loff_t));
	loff_t value = 1000;

	in->f_pos = 77;
	KUNIT_ASSERT_EQ(test, copy_to_user(off, &value, sizeof(value)), 0);
	KUNIT_EXPECT_EQ(test, sendfile(test, in, out, (struct privpipe_sendfile) {
				.off = (uintptr_t)off, .count = 5000 }), 5000);
	KUNIT_ASSERT_EQ(test, copy_from_user(&value, off, sizeof(value)), 0);
	KUNIT_EXPECT_EQ(test, value, 6000);
	KUNIT_EXPECT_EQ(test, in->f_pos, 77);
	out->f_pos = 0;
	pp_test_expect_read(test, out, 1000, 5000);
}

/* A short read does not end the call; only the end of the file does. */
static void sendfile_test_survives_short_reads(struct kunit *test)
{
	const size_t most[] = { 1, PAGE_SIZE - 1, PAGE_SIZE, SZ_64K - 1 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(most); i++) {
		size_t size = min(most[i] * 10 + 1, 200000);
		struct file *in = pp_test_file(test, size);
		struct file *out = pp_test_scratch_file(test);

		pp_test_cut_reads(test, most[i]);
		KUNIT_EXPECT_EQ(test, sendfile(test, in, out, (struct privpipe_sendfile) {
					.count = SZ_1M }), size);
		KUNIT_EXPECT_EQ(test, in->f_pos, size);
		out->f_pos = 0;
		pp_test_expect_read(test, out, 0, size);
	}
}

static const struct device_case {
	const char *name;
	size_t most;
	size_t good;
	int error;
	ssize_t ret;
} device_cases[] = {
	{ "all at once", 0, 0, 0, 150000 },
	{ "a little at a time", 999, 0, 0, 150000 },
	{ "an error at once", 0, 0, -ENOSPC, -ENOSPC },
	{ "an error after some bytes", 0, 100001, -EIO, 100001 },
	{ "an error after little steps", 1000, 12000, -EIO, 12000 },
};

KUNIT_ARRAY_PARAM_DESC(device, device_cases, name);

/* The position advances by the bytes that the target accepted. */
static void sendfile_test_to_device(struct kunit *test)
{
	const struct device_case *c = test->param_value;
	struct pp_test_io io = { .most = c->most, .good = c->good, .error = c->error };
	struct file *in = pp_test_file(test, 150000);
	struct file *out = pp_test_stream(test, &io);
	size_t done = max_t(ssize_t, c->ret, 0);

	io.got = kunit_kzalloc(test, 150000, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, io.got);
	KUNIT_EXPECT_EQ(test, sendfile(test, in, out, (struct privpipe_sendfile) {
				.count = SZ_1M }), c->ret);
	KUNIT_EXPECT_EQ(test, io.done, done);
	KUNIT_EXPECT_EQ(test, in->f_pos, done);
	pp_test_expect(test, io.got, 0, done);
}

static void sendfile_test_read_error(struct kunit *test)
{
	struct file *in = pp_test_file(test, SZ_64K);
	struct file *out = pp_test_scratch_file(test);

	pp_test_break(in, 3);
	KUNIT_EXPECT_EQ(test, sendfile(test, in, out, (struct privpipe_sendfile) {
				.count = SZ_64K }), 3 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, sendfile(test, in, out, (struct privpipe_sendfile) {
				.count = SZ_64K }), -EIO);
	KUNIT_EXPECT_EQ(test, in->f_pos, 3 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, out->f_pos, 3 * PAGE_SIZE);
}

static void sendfile_test_survives_lack_of_memory(struct kunit *test)
{
	int nth;

	for (nth = 1; nth <= 4; nth++) {
		struct file *in = pp_test_file(test, 3 * SZ_64K);
		struct file *out = pp_test_scratch_file(test);
		long ret, done;

		pp_test_fail_folio(test, nth);
		ret = sendfile(test, in, out, (struct privpipe_sendfile) {
				.count = SZ_1M });
		pp_test_fail_folio(test, 0);
		done = max(ret, 0);
		KUNIT_EXPECT_EQ(test, ret, (nth - 1) * SZ_64K ?: -ENOMEM);
		KUNIT_EXPECT_EQ(test, in->f_pos, done);
		out->f_pos = 0;
		pp_test_expect_read(test, out, 0, done);
	}
}

/* With PRIVPIPE_F_DIRECT and without. */
static const u32 socket_flags[] = { 0, PRIVPIPE_F_DIRECT };

static void socket_flags_desc(const u32 *flags, char *desc)
{
	strscpy(desc, *flags ? "direct" : "by one copy", KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(socket, socket_flags, socket_flags_desc);

static void sendfile_test_to_socket(struct kunit *test)
{
	u32 flags = *(const u32 *)test->param_value;
	u64 shared = pp_stats_read(PP_socket_shared);
	struct file *in = pp_test_file(test, 100000), *sockets[2];

	pp_test_socket_pair(test, sockets);
	in->f_pos = 123;
	KUNIT_EXPECT_EQ(test, sendfile(test, in, sockets[0], (struct privpipe_sendfile) {
				.flags = flags, .count = SZ_1M }), 100000 - 123);
	KUNIT_EXPECT_EQ(test, in->f_pos, 100000);
	KUNIT_EXPECT_EQ(test, pp_stats_read(PP_socket_shared) - shared,
			flags ? 100000 - 123 : 0);
	pp_test_expect_read(test, sockets[1], 123, 100000 - 123);
}

/* Whether only the page cache still refers to a file's pages. */
static void expect_unshared(struct kunit *test, struct file *file, pgoff_t index,
			    pgoff_t end)
{
	lru_add_drain_all();
	for (; index < end; index++) {
		struct folio *folio = filemap_get_folio(file->f_mapping, index);

		KUNIT_ASSERT_FALSE(test, IS_ERR(folio));
		KUNIT_EXPECT_EQ(test, folio_ref_count(folio), folio_nr_pages(folio) + 1);
		folio_put(folio);
	}
}

/* A full socket accepts a part, and the rest is not lost. */
static void sendfile_test_to_full_socket(struct kunit *test)
{
	u32 flags = *(const u32 *)test->param_value;
	struct file *in = pp_test_file(test, SZ_4M), *sockets[2];
	loff_t done = 0;
	long ret;

	pp_test_socket_pair(test, sockets);
	sockets[0]->f_flags |= O_NONBLOCK;
	while (done < SZ_4M) {
		ret = sendfile(test, in, sockets[0], (struct privpipe_sendfile) {
				.flags = flags, .count = SZ_4M });
		KUNIT_ASSERT_GT(test, ret, 0);
		KUNIT_ASSERT_EQ(test, in->f_pos, done + ret);
		if (done + ret < SZ_4M)
			KUNIT_EXPECT_EQ(test, sendfile(test, in, sockets[0],
						       (struct privpipe_sendfile) {
						.flags = flags, .count = 1 }), -EAGAIN);
		pp_test_expect_read(test, sockets[1], done, ret);
		done += ret;
	}
	expect_unshared(test, in, 0, SZ_4M / PAGE_SIZE);
}

#ifdef CONFIG_TRANSPARENT_HUGEPAGE	/* else the page cache has no large folios */
/* Parts of a large folio and single pages beside it, cut within pages. */
static void sendfile_test_direct_large_folio(struct kunit *test)
{
	struct file *in = pp_test_file(test, SZ_64K), *sockets[2];

	pp_test_socket_pair(test, sockets);
	pp_test_cache(test, in, 4, 2);
	in->f_pos = 3 * PAGE_SIZE + 5;
	KUNIT_EXPECT_EQ(test, sendfile(test, in, sockets[0], (struct privpipe_sendfile) {
				.flags = PRIVPIPE_F_DIRECT, .count = 10000 }), 10000);
	KUNIT_EXPECT_EQ(test, sendfile(test, in, sockets[0], (struct privpipe_sendfile) {
				.flags = PRIVPIPE_F_DIRECT, .count = 20000 }), 20000);
	pp_test_expect_read(test, sockets[1], 3 * PAGE_SIZE + 5, 30000);
	expect_unshared(test, in, 3, 11);
}
#endif

static void sendfile_test_direct_read_error(struct kunit *test)
{
	struct file *in = pp_test_file(test, SZ_64K), *sockets[2];

	pp_test_socket_pair(test, sockets);
	pp_test_break(in, 3);
	KUNIT_EXPECT_EQ(test, sendfile(test, in, sockets[0], (struct privpipe_sendfile) {
				.flags = PRIVPIPE_F_DIRECT, .count = SZ_64K }), 3 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, sendfile(test, in, sockets[0], (struct privpipe_sendfile) {
				.flags = PRIVPIPE_F_DIRECT, .count = SZ_64K }), -EIO);
	KUNIT_EXPECT_EQ(test, in->f_pos, 3 * PAGE_SIZE);
	pp_test_expect_read(test, sockets[1], 0, 3 * PAGE_SIZE);
}

static void sendfile_test_direct_is_for_sockets(struct kunit *test)
{
	struct file *in = pp_test_file(test, SZ_64K);
	struct file *out = pp_test_scratch_file(test);

	KUNIT_EXPECT_EQ(test, sendfile(test, in, out, (struct privpipe_sendfile) {
				.flags = PRIVPIPE_F_DIRECT, .count = 1 }), -EINVAL);
}

static void sendfile_test_to_pipes(struct kunit *test)
{
	struct file *in = pp_test_file(test, SZ_1M), *stock[2], *ends[2];

	pp_test_stock_pipe(test, stock);
	KUNIT_EXPECT_EQ(test, sendfile(test, in, stock[1], (struct privpipe_sendfile) {
				.count = SZ_1M }), SZ_64K);
	pp_test_expect_read(test, stock[0], 0, SZ_64K);

	pp_test_pipe(test, 8, 0, ends);
	KUNIT_EXPECT_EQ(test, sendfile(test, in, ends[1], (struct privpipe_sendfile) {
				.count = SZ_1M }), SZ_32K);
	pp_test_expect_ring(test, ends[0]->private_data, SZ_64K, SZ_32K);
	KUNIT_EXPECT_EQ(test, in->f_pos, SZ_64K + SZ_32K);
}

/* The folios that the copies go through are used again and again. */
static void sendfile_test_recycles(struct kunit *test)
{
	struct file *in = pp_test_file(test, SZ_1M);
	struct file *out = pp_test_scratch_file(test);
	u64 allocated;

	KUNIT_EXPECT_EQ(test, sendfile(test, in, out, (struct privpipe_sendfile) {
				.count = SZ_64K }), SZ_64K);
	allocated = pp_stats_read(PP_folios_allocated);
	KUNIT_EXPECT_EQ(test, sendfile(test, in, out, (struct privpipe_sendfile) {
				.count = SZ_512K }), SZ_512K);
	KUNIT_EXPECT_EQ(test, pp_stats_read(PP_folios_allocated), allocated);
}

static struct kunit_case sendfile_test_cases[] = {
	KUNIT_CASE_PARAM(sendfile_test_to_file, send_gen_params),
	KUNIT_CASE(sendfile_test_offset_advances),
	KUNIT_CASE(sendfile_test_survives_short_reads),
	KUNIT_CASE_PARAM(sendfile_test_to_device, device_gen_params),
	KUNIT_CASE(sendfile_test_read_error),
	KUNIT_CASE(sendfile_test_survives_lack_of_memory),
	KUNIT_CASE_PARAM(sendfile_test_to_socket, socket_gen_params),
	KUNIT_CASE_PARAM(sendfile_test_to_full_socket, socket_gen_params),
#ifdef CONFIG_TRANSPARENT_HUGEPAGE
	KUNIT_CASE(sendfile_test_direct_large_folio),
#endif
	KUNIT_CASE(sendfile_test_direct_read_error),
	KUNIT_CASE(sendfile_test_direct_is_for_sockets),
	KUNIT_CASE(sendfile_test_to_pipes),
	KUNIT_CASE(sendfile_test_recycles),
	{}
};

static struct kunit_suite sendfile_test_suite = {
	.name = "privpipe_sendfile",
	.init = pp_test_stay,
	.test_cases = sendfile_test_cases,
};

kunit_test_suite(sendfile_test_suite);
