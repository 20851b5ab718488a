// SPDX-License-Identifier: GPL-2.0
/* Private pipes in the hands of the stock system calls, and beside stock pipes. */
#include "pipe/kinds.hh"
#include "pipe/private.hh"
#include "pipe/signals.hh"
#include "support/async.hh"
#include "support/files.hh"

#include <gtest/gtest.h>

#include <sys/epoll.h>
#include <sys/sendfile.h>

#include <algorithm>

namespace {

/* The system call itself, with any backend. */
Result stock_splice(int in, int out, size_t len, unsigned flags = 0)
{
	return result_of(::splice(in, nullptr, out, nullptr, len, flags));
}

} // namespace

class StockSplice : public testing::TestWithParam<size_t> {
protected:
	const std::string bytes = pattern(GetParam());
	Pipe priv = make_pipe();
	Pipe stock = make_stock_pipe();
};

TEST_P(StockSplice, MovesFromAPrivatePipeToAStockOne)
{
	put(priv.out(), bytes);
	EXPECT_EQ(stock_splice(priv.in(), stock.out(), 1 << 20), moved(bytes.size()));
	EXPECT_EQ(unread(priv.in()), 0u);
	EXPECT_TRUE(same(drain(stock.in()), bytes));
}

TEST_P(StockSplice, MovesFromAStockPipeToAPrivateOne)
{
	put(stock.out(), bytes);
	EXPECT_EQ(stock_splice(stock.in(), priv.out(), 1 << 20), moved(bytes.size()));
	EXPECT_EQ(unread(stock.in()), 0u);
	EXPECT_TRUE(same(drain(priv.in()), bytes));
}

/* By F_SETFL anybody can have the kernel splice from it by another way, which asks less. */
TEST(DirectReadEnd, IsNotWaitedForUnderTheLockOfAStockPipe)
{
	Pipe priv = make_pipe();
	Pipe stock = make_stock_pipe();

	set_status_flag(priv.in(), O_DIRECT);
	EXPECT_EQ(stock_splice(priv.in(), stock.out(), 10, SPLICE_F_NONBLOCK), failed(EAGAIN));
	put(priv.out(), "abc");
	EXPECT_EQ(stock_splice(priv.in(), stock.out(), 10), moved(3));
	EXPECT_EQ(drain(stock.in()), "abc");
}

TEST_P(StockSplice, MovesPartsOfPages)
{
	put(priv.out(), bytes);
	for (size_t done = 0; done < bytes.size();) {
		Result result = stock_splice(priv.in(), stock.out(), 999);

		ASSERT_EQ(result, moved(std::min(size_t(999), bytes.size() - done)));
		EXPECT_TRUE(same(drain(stock.in()), bytes.substr(done, result.bytes())));
		done += result.bytes();
	}
}

INSTANTIATE_TEST_SUITE_P(Sizes, StockSplice, testing::Values(1, 4096, 5000, 65536),
			 testing::PrintToStringParamName());

TEST(StockCalls, PagesThatWentToAStockPipeStayAsTheyAre)
{
	Pipe priv = make_pipe();
	Pipe stock = make_stock_pipe();

	put(priv.out(), pattern(default_capacity));
	EXPECT_EQ(stock_splice(priv.in(), stock.out(), default_capacity), moved(default_capacity));
	put(priv.out(), std::string(default_capacity, 'N')); /* into recycled pages? */
	EXPECT_TRUE(same(drain(stock.in()), pattern(default_capacity)));
}

TEST(StockCalls, PagesThatCameFromAFileByAStockPipeAreCopies)
{
	File file(on_ext4, pattern(page_size));
	Pipe priv = make_pipe();
	Pipe stock = make_stock_pipe();

	ASSERT_EQ(stock_splice(file.fd(), stock.out(), page_size), moved(page_size));
	ASSERT_EQ(stock_splice(stock.in(), priv.out(), page_size), moved(page_size));
	file.write_at(0, std::string(page_size, 'N'));
	EXPECT_TRUE(same(drain(priv.in()), pattern(page_size)));
}

TEST(StockCalls, SendfileFillsAPrivatePipeFromAFile)
{
	File file(on_ext4, pattern(10000));
	Pipe priv = make_pipe();

	EXPECT_EQ(result_of(::sendfile(priv.out(), file.fd(), nullptr, 10000)), moved(10000));
	file.write_at(0, std::string(10000, 'N'));
	EXPECT_TRUE(same(drain(priv.in()), pattern(10000)));
}

TEST(StockCalls, WhatTheyDoNotKnowOfPrivatePipesIsRefused)
{
	File file(on_ext4, "abc");
	Pipe priv = make_pipe();
	Pipe other = make_pipe();
	Pipe stock = make_stock_pipe();
	iovec iov = iovec_of("abc");

	put(priv.out(), "abc");
	put(stock.out(), "abc");
	EXPECT_EQ(stock_splice(file.fd(), priv.out(), 3), failed(EINVAL));
	EXPECT_EQ(stock_splice(priv.in(), file.fd(), 3), failed(EINVAL));
	EXPECT_EQ(stock_splice(priv.in(), other.out(), 3), failed(EINVAL));
	EXPECT_EQ(result_of(::sendfile(file.fd(), priv.in(), nullptr, 3)), failed(EINVAL));
	EXPECT_EQ(result_of(::tee(priv.in(), stock.out(), 3, 0)), failed(EINVAL));
	EXPECT_EQ(result_of(::tee(stock.in(), priv.out(), 3, 0)), failed(EINVAL));
	EXPECT_EQ(result_of(::tee(priv.in(), other.out(), 3, 0)), failed(EINVAL));
	EXPECT_EQ(result_of(::vmsplice(priv.out(), &iov, 1, 0)), failed(EBADF));
	EXPECT_EQ(result_of(fcntl(priv.in(), F_GETPIPE_SZ)), failed(EBADF));
	EXPECT_EQ(result_of(fcntl(priv.in(), F_SETPIPE_SZ, 4096)), failed(EBADF));
	EXPECT_EQ(drain(priv.in()), "abc");
	EXPECT_EQ(drain(stock.in()), "abc");
	EXPECT_EQ(unread(other.in()), 0u);
}

TEST(StockCalls, TheirNonblockIsHeeded)
{
	Pipe priv = make_pipe();
	Pipe stock = make_stock_pipe();

	EXPECT_EQ(stock_splice(priv.in(), stock.out(), 1, SPLICE_F_NONBLOCK), failed(EAGAIN));
	set_status_flag(priv.in(), O_NONBLOCK);
	EXPECT_EQ(stock_splice(priv.in(), stock.out(), 1), failed(EAGAIN));
	fill(priv);
	put(stock.out(), "abc");
	EXPECT_EQ(stock_splice(stock.in(), priv.out(), 3, SPLICE_F_NONBLOCK), failed(EAGAIN));
	set_status_flag(priv.out(), O_NONBLOCK);
	EXPECT_EQ(stock_splice(stock.in(), priv.out(), 3), failed(EAGAIN));
	EXPECT_EQ(drain(stock.in()), "abc");
}

TEST(StockCalls, TheyWaitAndAreInterrupted)
{
	CatchSignal usr1(SIGUSR1);
	Pipe priv = make_pipe();
	Pipe stock = make_stock_pipe();

	for (int round = 0; round < 2; round++) {
		Async waiting{[&] { return stock_splice(priv.in(), stock.out(), 3); }};

		ASSERT_TRUE(waiting.waits());
		if (round) {
			put(priv.out(), "abc");
			EXPECT_EQ(waiting.get(), moved(3));
		} else {
			waiting.interrupt();
			EXPECT_EQ(waiting.get(), failed(EINTR));
		}
	}
}

TEST(StockCalls, WithoutAReaderAreEpipeWithSigpipe)
{
	CatchSignal sigpipe(SIGPIPE);
	Pipe priv = make_pipe();
	Pipe stock = make_stock_pipe();

	priv.read_end.reset();
	put(stock.out(), "abc");
	EXPECT_EQ(stock_splice(stock.in(), priv.out(), 3), failed(EPIPE));
	EXPECT_EQ(sigpipe.count(), 1);
	EXPECT_EQ(drain(stock.in()), "abc");
}

TEST(StockCalls, WaitingForAPrivatePipeLeavesTheStockPipeToOthers)
{
	Pipe priv = make_pipe();
	Pipe stock = make_stock_pipe();
	Async waiting{[&] { return stock_splice(priv.in(), stock.out(), 3); }};

	ASSERT_TRUE(waiting.waits());
	put(stock.out(), "abc");
	EXPECT_EQ(drain(stock.in()), "abc");
	put(priv.out(), "def");
	EXPECT_EQ(waiting.get(), moved(3));
	EXPECT_EQ(drain(stock.in()), "def");
}

TEST(PrivatePipe, IsNotLockedWhileASourceMakesASpliceWait)
{
	Connection tcp = connect_kind(Kind::tcp, false);
	Pipe pipe = make_pipe();
	Async waiting{[&] { return do_splice(tcp.near.get(), pipe.out(), 100); }};

	ASSERT_TRUE(waiting.waits());
	put(pipe.out(), "by write");
	EXPECT_EQ(drain(pipe.in()), "by write");
	put(tcp.far.get(), "by splice");
	EXPECT_EQ(waiting.get(), moved(9));
	EXPECT_EQ(drain(pipe.in()), "by splice");
}

/* Every pair of the calls that hold two pipes at once, in both directions at once. */
TEST(Circles, OfPrivateAndStockPipesNeitherLockUpNorLoseBytes)
{
	constexpr int turns = 300;
	Pipe priv = make_pipe();
	Pipe stock = make_stock_pipe();
	Pipe other = make_pipe();
	const std::string bytes = pattern(20000);

	put(priv.out(), bytes);
	{
		auto turn = [](const Pipe &from, const Pipe &to) {
			for (int i = 0; i < turns; i++)
				do_splice(from.in(), to.out(), 777, SPLICE_F_NONBLOCK);
			return 0;
		};
		auto stock_turn = [](const Pipe &from, const Pipe &to) {
			for (int i = 0; i < turns; i++)
				stock_splice(from.in(), to.out(), 777, SPLICE_F_NONBLOCK);
			return 0;
		};
		Async a{[&] { return turn(priv, stock); }};
		Async b{[&] { return stock_turn(stock, priv); }};
		Async c{[&] { return turn(priv, other); }};
		Async d{[&] { return turn(other, priv); }};
		Async e{[&] { return stock_turn(priv, stock); }};
		Async f{[&] { return turn(stock, other); }};
	}

	std::string all = drain(priv.in()) + drain(stock.in()) + drain(other.in());
	std::string expected_bytes = bytes;

	std::sort(all.begin(), all.end());
	std::sort(expected_bytes.begin(), expected_bytes.end());
	EXPECT_TRUE(same(all, expected_bytes));
}

TEST(Circles, OfTeeDoNotLockUp)
{
	Pipe one = make_pipe();
	Pipe other = make_pipe();
	auto turn = [](const Pipe &from, const Pipe &to) {
		std::string sink(4096, '\0');

		for (int i = 0; i < 300; i++) {
			do_tee(from.in(), to.out(), 100, SPLICE_F_NONBLOCK);
			if (unread(to.in()) > default_capacity / 2)
				result_of(read(to.in(), sink.data(), sink.size()));
		}
		return true;
	};

	put(one.out(), pattern(100));
	put(other.out(), pattern(100));

	Async there{[&] { return turn(one, other); }};
	Async back{[&] { return turn(other, one); }};

	EXPECT_TRUE(there.get());
	EXPECT_TRUE(back.get());
}

TEST(Circles, AnEpollSetInAnEpollSetHearsOfAPrivatePipe)
{
	Pipe pipe = make_pipe();
	Fd inner(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
	Fd outer(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
	epoll_event event = {.events = EPOLLIN, .data = {}};

	checked(epoll_ctl(inner.get(), EPOLL_CTL_ADD, pipe.in(), &event), "EPOLL_CTL_ADD");
	checked(epoll_ctl(outer.get(), EPOLL_CTL_ADD, inner.get(), &event), "EPOLL_CTL_ADD");
	EXPECT_EQ(epoll_wait(outer.get(), &event, 1, 0), 0);
	put(pipe.out(), "x");
	EXPECT_EQ(epoll_wait(outer.get(), &event, 1, 0), 1);
	EXPECT_EQ(result_of(epoll_ctl(inner.get(), EPOLL_CTL_ADD, outer.get(), &event)),
		  failed(ELOOP));
}
