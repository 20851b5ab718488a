// SPDX-License-Identifier: GPL-2.0
/* PRIVPIPE_SENDFILE into a stock pipe: nobody is kept from the pipe by a slow file. */
#include "pipe/fuse.hh"
#include "support/async.hh"
#include "support/files.hh"

#include <gtest/gtest.h>

#include <chrono>
#include <future>

namespace {

/* Far longer than a pipe needs to answer FIONREAD. */
constexpr auto deadline = std::chrono::seconds(10);

class SlowFile : public testing::Test {
protected:
	const std::string bytes = pattern(3 * page_size + 10);
	FuseFile fuse{bytes};
	Fd file{open(fuse.path().c_str(), O_RDONLY | O_CLOEXEC), "open the slow file"};
	Pipe pipe = make_stock_pipe();
};

} // namespace

TEST_F(SlowFile, LocksNobodyOutOfTheStockPipe)
{
	put(pipe.out(), "abc");
	fuse.hold();

	Async sending{[&] { return do_sendfile(pipe.out(), file.get(), 1 << 20); }};

	fuse.wait_for_read();

	auto others = std::async(std::launch::async, [&] {
		std::string said = std::to_string(unread(pipe.in()));

		put(pipe.out(), "def");
		return said + get(pipe.in(), 6);
	});

	EXPECT_EQ(others.wait_for(deadline), std::future_status::ready);
	fuse.release();
	EXPECT_EQ(others.get(), "3abcdef");
	EXPECT_EQ(sending.get(), moved(bytes.size()));
	EXPECT_TRUE(same(drain(pipe.in()), bytes));
	EXPECT_EQ(lseek(file.get(), 0, SEEK_CUR), off_t(bytes.size()));
}

/* Others use the room during the call: bytes that do not fit stay in the file. */
TEST_F(SlowFile, WhatNoLongerFitsStaysInTheFile)
{
	fuse.hold();

	Async sending{[&] { return do_sendfile(pipe.out(), file.get(), 1 << 20); }};

	fuse.wait_for_read();

	/* Sixteen slots: two are left. */
	for (int i = 0; i < 14; i++)
		put(pipe.out(), pattern(page_size));
	fuse.release();
	EXPECT_EQ(sending.get(), moved(2 * page_size));
	EXPECT_EQ(lseek(file.get(), 0, SEEK_CUR), off_t(2 * page_size));
	get(pipe.in(), 14 * page_size);
	EXPECT_TRUE(same(drain(pipe.in()), bytes.substr(0, 2 * page_size)));
}

TEST_F(SlowFile, APipeThatIsFullByThenIsWaitedFor)
{
	fuse.hold();

	Async sending{[&] { return do_sendfile(pipe.out(), file.get(), 1 << 20); }};

	fuse.wait_for_read();

	const std::string filled = fill(pipe);

	fuse.release();
	EXPECT_TRUE(sending.waits());
	EXPECT_TRUE(same(get(pipe.in(), filled.size()), filled));
	EXPECT_EQ(sending.get(), moved(bytes.size()));
	EXPECT_TRUE(same(drain(pipe.in()), bytes));
}

TEST_F(SlowFile, APipeWithoutAReaderByThenIsEpipe)
{
	auto *before = signal(SIGPIPE, SIG_IGN);

	fuse.hold();

	Async sending{[&] { return do_sendfile(pipe.out(), file.get(), 1 << 20); }};

	fuse.wait_for_read();
	pipe.read_end.reset();
	fuse.release();
	EXPECT_EQ(sending.get(), failed(EPIPE));
	EXPECT_EQ(lseek(file.get(), 0, SEEK_CUR), 0);
	signal(SIGPIPE, before);
}

/* Of a regular file, too, bytes may be gone once they were read: then the room is held. */
TEST(SlowStream, LosesNoBytesToOthersWhoUseTheRoom)
{
	const std::string bytes = pattern(3 * page_size + 10);
	FuseFile fuse(bytes);
	Pipe pipe = make_stock_pipe();

	fuse.become_stream();
	Fd file(open(fuse.path().c_str(), O_RDONLY | O_CLOEXEC), "open the slow stream");
	fuse.hold();

	Async sending{[&] { return do_sendfile(pipe.out(), file.get(), bytes.size()); }};

	fuse.wait_for_read();

	auto others = std::async(std::launch::async, [&] {
		for (int i = 0; i < 14; i++)
			put(pipe.out(), pattern(page_size));
	});

	others.wait_for(std::chrono::seconds(1));
	fuse.release();
	EXPECT_EQ(sending.get(), moved(bytes.size()));
	EXPECT_TRUE(same(get(pipe.in(), bytes.size()), bytes));
	others.get();
}
