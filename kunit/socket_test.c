// SPDX-License-Identifier: GPL-2.0
/* Sockets: their bytes into a private pipe, and its pages to them. */

#include "splice.h"
#include "support.h"

static void socket_test_is_received_from(struct kunit *test)
{
	struct pp_ring *ring = pp_test_ring(test, 16);
	struct file *sockets[2];
	loff_t pos = 0;

	pp_test_socket_pair(test, sockets);
	pp_test_write(test, sockets[1], 0, 10000);
	KUNIT_EXPECT_EQ(test, pp_fill_file(ring, sockets[0], &pos, 6000, 0,
					   PRIVPIPE_POLICY_ALWAYS, true), 6000);
	KUNIT_EXPECT_EQ(test, pp_fill_file(ring, sockets[0], &pos, SZ_64K, 0,
					   PRIVPIPE_POLICY_ALWAYS, true), 4000);
	sockets[0]->f_flags |= O_NONBLOCK;
	KUNIT_EXPECT_EQ(test, pp_fill_file(ring, sockets[0], &pos, SZ_64K, 0,
					   PRIVPIPE_POLICY_ALWAYS, true), -EAGAIN);
	KUNIT_EXPECT_EQ(test, ring->reserved, 0);
	pp_test_expect_ring(test, ring, 0, 10000);
}

static void socket_test_gets_folios_without_copy(struct kunit *test)
{
	u64 handed = pp_stats_read(PP_socket_handed);
	struct file *sockets[2], *ends[2];
	struct pp_ring *ring;
	struct folio *folio;

	pp_test_socket_pair(test, sockets);
	pp_test_pipe(test, 16, 0, ends);
	ring = pp_ring_of(ends[0]);
	pp_test_write(test, ends[1], 0, SZ_64K);
	folio = pp_ring_tail(ring)->folio;

	KUNIT_EXPECT_EQ(test, pp_test_splice(test, ends[0], sockets[0], (struct privpipe_splice) {
				.len = SZ_32K }), SZ_32K);
	KUNIT_EXPECT_EQ(test, pp_stats_read(PP_socket_handed) - handed, SZ_32K);
	KUNIT_EXPECT_GT(test, folio_ref_count(folio), 1);
	KUNIT_EXPECT_TRUE(test, pp_ring_tail(ring)->flags & PP_SLOT_SHARED);
	KUNIT_EXPECT_EQ(test, pp_test_splice(test, ends[0], sockets[0], (struct privpipe_splice) {
				.len = SZ_64K }), SZ_32K);

	/* Until the peer has read them, their folio is not used again. */
	pp_test_write(test, ends[1], 0, SZ_64K);
	KUNIT_EXPECT_PTR_NE(test, pp_ring_tail(ring)->folio, folio);
	pp_test_consume(ring, SZ_64K);
	pp_test_expect_read(test, sockets[1], 0, SZ_64K);
	KUNIT_EXPECT_EQ(test, folio_ref_count(folio), 1);
}

/* Few bytes are copied: a reference to them would keep all of a large folio. */
static void socket_test_gets_few_bytes_as_copy(struct kunit *test)
{
	u64 copied = pp_stats_read(PP_socket_handed_copied);
	struct file *sockets[2], *ends[2];
	struct pp_slot *slot;

	pp_test_socket_pair(test, sockets);
	pp_test_pipe(test, 16, 0, ends);
	pp_test_write(test, ends[1], 0, SZ_64K);
	KUNIT_EXPECT_EQ(test, pp_test_splice(test, ends[0], sockets[0], (struct privpipe_splice) {
				.len = 5000 }), 5000);
	slot = pp_ring_tail(pp_ring_of(ends[0]));
	KUNIT_EXPECT_EQ(test, folio_ref_count(slot->folio), 1);
	KUNIT_EXPECT_FALSE(test, slot->flags & PP_SLOT_SHARED);
	KUNIT_EXPECT_EQ(test, pp_stats_read(PP_socket_handed_copied) - copied, 5000);
	pp_test_expect_read(test, sockets[1], 0, 5000);
	pp_test_expect_ring(test, pp_ring_of(ends[0]), 5000, SZ_64K - 5000);
}

static struct kunit_case socket_test_cases[] = {
	KUNIT_CASE(socket_test_is_received_from),
	KUNIT_CASE(socket_test_gets_folios_without_copy),
	KUNIT_CASE(socket_test_gets_few_bytes_as_copy),
	{}
};

static struct kunit_suite socket_test_suite = {
	.name = "privpipe_socket",
	.test_cases = socket_test_cases,
};

kunit_test_suite(socket_test_suite);
