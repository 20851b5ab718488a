// SPDX-License-Identifier: GPL-2.0
/* How well-known programs use these calls, rely on them, and get their results. */
#include "pipe/fuse.hh"
#include "pipe/kinds.hh"
#include "support/files.hh"

#include <gtest/gtest.h>

#include <algorithm>

/* libfuse corrects the length in its 16-byte header after it has vmspliced header and data. */
TEST(Libfuse, AHeaderRewrittenAfterVmspliceReachesTheKernelOnlyWhereItIsShared)
{
	constexpr size_t header_size = 16;
	Mapping header(page_size);
	Mapping data(page_size);
	Pipe pipe = make_pipe();
	const std::string guessed = "length=4096.....";
	const std::string correct = "length=1234.....";

	header.fill(guessed);
	data.fill(pattern(page_size));

	const iovec reply[] = {{header.data(), header_size}, {data.data(), page_size}};

	ASSERT_EQ(backend().vmsplice(pipe.out(), reply, 2, 0), moved(header_size + page_size));
	header.fill(correct);
	EXPECT_EQ(get(pipe.in(), header_size),
		  expected().memory_written == Content::kept ? guessed : correct);
	EXPECT_TRUE(same(drain(pipe.in()), pattern(page_size)));
}

/* libfuse moves a file's bytes behind a header into a pipe that it sized for one message. */
TEST(Libfuse, AMessageOfHeaderAndPagesFitsAPipeOfOnePageMore)
{
	constexpr size_t pages = 31;
	File file(on_ext4, pattern(pages * page_size));
	Pipe pipe = make_pipe(O_NONBLOCK, (pages + 1) * page_size);

	ASSERT_EQ(do_vmsplice(pipe.out(), "header", SPLICE_F_NONBLOCK), moved(6));
	EXPECT_EQ(do_splice(file.fd(), pipe.out(), pages * page_size), moved(pages * page_size));
	EXPECT_TRUE(same(drain(pipe.in()), "header" + pattern(pages * page_size)));
}

/* passthrough_ll and others splice the data of a WRITE on to a file opened for direct I/O. */
TEST(Libfuse, TheDataOfAWriteBeginsWithAPageAndCanGoOnByDirectIo)
{
	const std::string bytes = pattern(page_size);
	FuseFile mounted;
	Fd file(open(mounted.path().c_str(), O_WRONLY | O_CLOEXEC), "open a FUSE file");

	write_at(file.get(), 0, bytes);
	file.reset();

	std::vector<Pipe> writes = mounted.take_writes();
	File backing(on_ext4);
	Fd direct = backing.reopen(O_WRONLY | O_DIRECT);

	ASSERT_EQ(writes.size(), 1u);
	EXPECT_EQ(result_of(::splice(writes[0].in(), nullptr, direct.get(), nullptr, page_size, 0)),
		  moved(page_size));
	EXPECT_TRUE(same(backing.read_at(0, page_size), bytes));
}

/* CRIU gifts the pages of a process that goes on, without waiting, and splices them to an image. */
TEST(Criu, GiftedMemoryReachesTheImageAndStaysWithTheProcess)
{
	constexpr size_t size = 50 * page_size;
	Mapping memory(size);
	File image(on_ext4);
	Pipe pipe = make_pipe();

	memory.fill(pattern(size));
	for (std::string_view rest = memory.view(); !rest.empty();) {
		Result gifted = do_vmsplice(pipe.out(), rest, SPLICE_F_GIFT | SPLICE_F_NONBLOCK);

		ASSERT_EQ(gifted, moved(std::min(rest.size(), default_capacity)));
		if (gifted.bytes() == default_capacity) {
			EXPECT_EQ(do_vmsplice(pipe.out(), rest, SPLICE_F_GIFT | SPLICE_F_NONBLOCK),
				  failed(EAGAIN));
		}
		ASSERT_EQ(do_splice(pipe.in(), image.fd(), gifted.bytes(), SPLICE_F_MOVE), gifted);
		rest.remove_prefix(gifted.bytes());
	}
	EXPECT_TRUE(same(memory.view(), pattern(size)));
	memory.fill(std::string(size, 'N')); /* the process goes on */
	EXPECT_TRUE(same(image.read_at(0, size), pattern(size)));
}

/* A load generator vmsplices a response once, tees it per request and splices the copy to TCP. */
TEST(LoadGenerator, EveryRequestGetsTheSameBytes)
{
	constexpr size_t requests = 20;
	constexpr size_t size = 40000;
	Mapping response(10 * page_size);
	Pipe master = make_pipe();
	Pipe copy = make_pipe();
	Target client(Kind::tcp);
	std::string expected_bytes;

	response.fill(pattern(size));
	ASSERT_EQ(do_vmsplice(master.out(), response.view().substr(0, size)), moved(size));
	for (size_t i = 0; i < requests; i++) {
		ASSERT_EQ(do_tee(master.in(), copy.out(), size), moved(size));
		for (size_t sent = 0; sent < size;) {
			Result result = do_splice(copy.in(), client.fd(), size - sent,
						  SPLICE_F_MOVE | SPLICE_F_MORE);

			ASSERT_GT(result.value, 0);
			sent += result.bytes();
		}
		expected_bytes += pattern(size);
	}
	EXPECT_TRUE(same(client.take(expected_bytes.size()), expected_bytes));
	EXPECT_TRUE(same(drain(master.in()), pattern(size)));
}
