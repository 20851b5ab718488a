// SPDX-License-Identifier: GPL-2.0
/* splice between a pipe and files without offsets, and from everything to everything. */
#include "pipe/kinds.hh"
#include "pipe/signals.hh"
#include "support/async.hh"

#include <gtest/gtest.h>

#include <sys/socket.h>

#include <algorithm>
#include <array>

namespace {

/* A size that a UDP socket takes without waiting for its reader. */
constexpr size_t most = 40000;

/* Splices until @size bytes are through the pipe or the source ends; returns the bytes. */
std::string through_pipe(int source, const Pipe &pipe, size_t size)
{
	std::string got;

	while (got.size() < size) {
		Result result = do_splice(source, pipe.out(), size - got.size());

		if (!result.ok())
			throw_errno("splice into the pipe", static_cast<int>(-result.value));
		if (!result.bytes())
			break;
		got += get(pipe.in(), result.bytes());
	}
	return got;
}

/* Splices @bytes, which are in the pipe, on. */
void out_of_pipe(const Pipe &pipe, int target, size_t bytes)
{
	while (bytes) {
		Result result = do_splice(pipe.in(), target, bytes);

		if (result.value <= 0)
			throw_errno("splice out of the pipe", static_cast<int>(-result.value));
		bytes -= result.bytes();
	}
}

} // namespace

TEST(SpliceMessages, HaveSixteenPagesAtMost)
{
	constexpr size_t size = 150000;
	const std::string bytes = pattern(size);
	Pipe pipe = make_pipe(0, 1 << 20);
	std::array<int, 2> ends;
	std::string got;

	ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
	Fd near(ends[0]), far(ends[1]);

	put(pipe.out(), bytes);
	EXPECT_EQ(do_splice(pipe.in(), far.get(), size), moved(size));
	while (got.size() < size) {
		std::string message(size, '\0');
		ssize_t n = recv(near.get(), message.data(), size, MSG_DONTWAIT);

		ASSERT_GT(n, 0);
		EXPECT_LE(static_cast<size_t>(n), 16 * page_size);
		got += message.substr(0, static_cast<size_t>(n));
	}
	EXPECT_TRUE(same(got, bytes));
}

using Stream = std::tuple<Kind, size_t, unsigned>; /* kind, bytes, capacity */

class SpliceStream : public testing::TestWithParam<Stream> {
protected:
	Kind kind() const { return std::get<0>(GetParam()); }

	const std::string bytes = pattern(std::get<1>(GetParam()));
	Pipe pipe = make_pipe(0, std::get<2>(GetParam()));
};

TEST_P(SpliceStream, BringsEveryByteInOrder)
{
	Source source(kind(), bytes);

	EXPECT_TRUE(same(through_pipe(source.fd(), pipe, bytes.size()), bytes));
}

TEST_P(SpliceStream, DeliversEveryByteInOrder)
{
	Target target(kind());

	for (std::string_view rest = bytes; !rest.empty();) {
		std::string_view some = rest.substr(0, std::get<2>(GetParam()));

		put(pipe.out(), some);
		out_of_pipe(pipe, target.fd(), some.size());
		rest.remove_prefix(some.size());
	}
	EXPECT_TRUE(same(target.take(bytes.size()), bytes));
}

INSTANTIATE_TEST_SUITE_P(Kinds, SpliceStream,
			 testing::Combine(testing::ValuesIn(stream_kinds),
					  testing::Values(1, 4096, 4097, most),
					  testing::Values(4096, 65536, 1 << 20)));

class SpliceStreamEnd : public testing::TestWithParam<Kind> {};

TEST_P(SpliceStreamEnd, TheEndOfTheSourceIsZeroAndStays)
{
	Source source(GetParam(), "abc");
	Pipe pipe = make_pipe();

	EXPECT_EQ(through_pipe(source.fd(), pipe, 100), "abc");
	EXPECT_EQ(do_splice(source.fd(), pipe.out(), 100), moved(0));
	EXPECT_EQ(do_splice(source.fd(), pipe.out(), 100), moved(0));
}

INSTANTIATE_TEST_SUITE_P(Kinds, SpliceStreamEnd,
			 testing::Values(Kind::tcp, Kind::unix_stream, Kind::stock_pipe, Kind::fifo,
					 Kind::tested_pipe),
			 testing::PrintToStringParamName());

class SpliceToEverything : public testing::TestWithParam<Kind> {};

TEST_P(SpliceToEverything, AnEmptyPipeWithoutAWriterIsZero)
{
	Target target(GetParam());
	Pipe pipe = make_pipe();

	pipe.write_end.reset();
	EXPECT_EQ(do_splice(pipe.in(), target.fd(), 100), moved(0));
}

TEST_P(SpliceToEverything, WhatIsInThePipeIsMovedWithoutWaitingForMore)
{
	Target target(GetParam());
	Pipe pipe = make_pipe();

	put(pipe.out(), "abc");
	EXPECT_EQ(do_splice(pipe.in(), target.fd(), 100), moved(3));
	if (GetParam() != Kind::null) {
		EXPECT_EQ(target.take(3), "abc");
	}
}

TEST_P(SpliceToEverything, OnlyWhatWasAskedForIsMoved)
{
	Target target(GetParam());
	Pipe pipe = make_pipe();

	put(pipe.out(), pattern(10000));
	EXPECT_EQ(do_splice(pipe.in(), target.fd(), 4999), moved(4999));
	EXPECT_TRUE(same(drain(pipe.in()), pattern(5001, 4999)));
	if (GetParam() != Kind::null) {
		EXPECT_TRUE(same(target.take(4999), pattern(4999)));
	}
}

INSTANTIATE_TEST_SUITE_P(Targets, SpliceToEverything,
			 testing::ValuesIn(seekable_targets + stream_kinds +
					   std::vector{Kind::null}),
			 testing::PrintToStringParamName());

class SpliceChain : public testing::TestWithParam<std::tuple<Kind, Kind>> {};

TEST_P(SpliceChain, EverySourceReachesEveryTarget)
{
	const std::string bytes =
		std::get<0>(GetParam()) == Kind::zero ? std::string(most, '\0') : pattern(most);
	constexpr size_t piece = 12345;
	Source source(std::get<0>(GetParam()), bytes);
	Target target(std::get<1>(GetParam()));
	Pipe pipe = make_pipe();

	for (size_t done = 0; done < bytes.size();) {
		Result result =
			do_splice(source.fd(), pipe.out(), std::min(piece, bytes.size() - done));

		ASSERT_GT(result.value, 0);
		out_of_pipe(pipe, target.fd(), result.bytes());
		done += result.bytes();
	}
	EXPECT_TRUE(same(target.take(bytes.size()), bytes));
}

INSTANTIATE_TEST_SUITE_P(Kinds, SpliceChain,
			 testing::Combine(testing::ValuesIn(std::vector{Kind::ext4, Kind::xfs,
									Kind::tmpfs, Kind::memfd,
									Kind::sealed_memfd,
									Kind::zero} +
							    stream_kinds),
					  testing::ValuesIn(seekable_targets + stream_kinds)));

TEST(SpliceDatagrams, EachSpliceBringsOneDatagram)
{
	Connection udp = connect_kind(Kind::udp, false);
	Pipe pipe = make_pipe();

	put(udp.far.get(), "first");
	put(udp.far.get(), "second");
	EXPECT_EQ(do_splice(udp.near.get(), pipe.out(), 100), moved(5));
	EXPECT_EQ(do_splice(udp.near.get(), pipe.out(), 100), moved(6));
	EXPECT_EQ(drain(pipe.in()), "firstsecond");
}

TEST(SpliceDatagrams, EachSpliceSendsOneDatagram)
{
	Connection udp = connect_kind(Kind::udp, true);
	Pipe pipe = make_pipe();
	std::string buffer(10000, '\0');

	put(pipe.out(), "first");
	EXPECT_EQ(do_splice(pipe.in(), udp.near.get(), 100), moved(5));
	put(pipe.out(), pattern(9000));
	EXPECT_EQ(do_splice(pipe.in(), udp.near.get(), 10000), moved(9000));
	EXPECT_EQ(result_of(read(udp.far.get(), buffer.data(), 10000)), moved(5));
	EXPECT_EQ(result_of(read(udp.far.get(), buffer.data(), 10000)), moved(9000));
	EXPECT_TRUE(same(std::string_view(buffer).substr(0, 9000), pattern(9000)));
}

TEST(SpliceDatagrams, MoreJoinsWhatFollowsIntoTheSameDatagram)
{
	Connection udp = connect_kind(Kind::udp, true);
	Pipe pipe = make_pipe();
	std::string buffer(100, '\0');

	put(pipe.out(), "onetwo");
	EXPECT_EQ(do_splice(pipe.in(), udp.near.get(), 3, SPLICE_F_MORE), moved(3));
	EXPECT_EQ(do_splice(pipe.in(), udp.near.get(), 3), moved(3));
	EXPECT_EQ(result_of(read(udp.far.get(), buffer.data(), 100)), moved(6));
}

TEST(SplicePackets, APacketStaysAPacketOnItsWayToAnotherPipe)
{
	Pipe from = make_pipe(O_DIRECT);
	Pipe to = make_pipe();
	std::string buffer(100, '\0');

	put(from.out(), "abc");
	put(from.out(), "de");
	EXPECT_EQ(do_splice(from.in(), to.out(), 100), moved(5));
	EXPECT_EQ(backend().read(to.in(), buffer.data(), 100), moved(3));
	EXPECT_EQ(backend().read(to.in(), buffer.data(), 100), moved(2));
}

/* Pipe to pipe counts in pages: each page of the input takes one of the output, or a part of it. */
TEST(SplicePipeToPipe, MovesNoMorePagesThanTheOutputHasRoomFor)
{
	Pipe from = make_pipe();
	Pipe to = make_pipe(0, 4 * page_size);

	put(from.out(), pattern(default_capacity));
	EXPECT_EQ(do_splice(from.in(), to.out(), default_capacity), moved(4 * page_size));
	EXPECT_EQ(do_splice(from.in(), to.out(), default_capacity, SPLICE_F_NONBLOCK),
		  failed(EAGAIN));
	EXPECT_TRUE(same(drain(to.in()), pattern(4 * page_size)));
	EXPECT_TRUE(
		same(drain(from.in()), pattern(default_capacity - 4 * page_size, 4 * page_size)));
}

TEST(SplicePipeToPipe, PartOfAPageIsMovedAndTheRestStays)
{
	Pipe from = make_pipe();
	Pipe to = make_pipe();

	put(from.out(), pattern(10000));
	EXPECT_EQ(do_splice(from.in(), to.out(), 1), moved(1));
	EXPECT_EQ(do_splice(from.in(), to.out(), 5000), moved(5000));
	EXPECT_TRUE(same(drain(to.in()), pattern(5001)));
	EXPECT_TRUE(same(drain(from.in()), pattern(4999, 5001)));
}

TEST(SplicePipeToPipe, WhatWasMovedIsNotWrittenToByLaterWrites)
{
	Pipe from = make_pipe();
	Pipe to = make_pipe();

	put(from.out(), "abcdef");
	EXPECT_EQ(do_splice(from.in(), to.out(), 3), moved(3));
	put(to.out(), "123");
	put(from.out(), "456");
	EXPECT_EQ(drain(to.in()), "abc123");
	EXPECT_EQ(drain(from.in()), "def456");
}

TEST(SplicePipeToPipe, TwoPipesInACircleKeepEveryByte)
{
	Pipe one = make_pipe();
	Pipe other = make_pipe();
	const std::string bytes = pattern(30000);
	auto turn = [](const Pipe &from, const Pipe &to) {
		for (int i = 0; i < 500; i++)
			do_splice(from.in(), to.out(), 777, SPLICE_F_NONBLOCK);
		return 0;
	};

	put(one.out(), bytes);
	{
		Async there{[&] { return turn(one, other); }};
		Async back{[&] { return turn(other, one); }};
	}

	std::string all = drain(one.in()) + drain(other.in());

	/* The order depends on which was faster; the bytes do not. */
	std::string expected = bytes;

	std::sort(all.begin(), all.end());
	std::sort(expected.begin(), expected.end());
	EXPECT_TRUE(same(all, expected));
}

class SpliceToSocket : public testing::TestWithParam<Kind> {};

TEST_P(SpliceToSocket, APeerThatHasGoneIsEpipeWithSigpipeAndLosesNothing)
{
	CatchSignal sigpipe(SIGPIPE);
	Connection connection = connect_kind(GetParam(), true);
	Pipe pipe = make_pipe();

	put(pipe.out(), "abc");
	shutdown(connection.near.get(), SHUT_WR);
	EXPECT_EQ(do_splice(pipe.in(), connection.near.get(), 3), failed(EPIPE));
	EXPECT_TRUE(was_sent(sigpipe));
	EXPECT_EQ(drain(pipe.in()), "abc");
}

TEST_P(SpliceToSocket, ANonblockingSocketTakesWhatFitsAndThenSaysEagain)
{
	Connection connection = connect_kind(GetParam(), true);
	Pipe pipe = make_pipe(0, 1 << 20);
	std::string sent;

	set_status_flag(connection.near.get(), O_NONBLOCK);
	for (;;) {
		put(pipe.out(), pattern(default_capacity, sent.size() + unread(pipe.in())));

		Result result = do_splice(pipe.in(), connection.near.get(), default_capacity);

		if (!result.ok()) {
			EXPECT_EQ(result, failed(EAGAIN));
			break;
		}
		sent += pattern(result.bytes(), sent.size());
	}

	size_t left = unread(pipe.in());

	EXPECT_TRUE(same(get(connection.far.get(), sent.size()), sent));
	EXPECT_TRUE(same(drain(pipe.in()), pattern(left, sent.size())));
}

INSTANTIATE_TEST_SUITE_P(Kinds, SpliceToSocket, testing::Values(Kind::tcp, Kind::unix_stream),
			 testing::PrintToStringParamName());

TEST(SpliceFromSocket, ATcpSourceGivesWhatHasArrivedWithoutWaitingForMore)
{
	Connection tcp = connect_kind(Kind::tcp, false);
	Pipe pipe = make_pipe();

	put(tcp.far.get(), "abc");
	EXPECT_EQ(do_splice(tcp.near.get(), pipe.out(), 100), moved(3));
}

TEST(SpliceFromSocket, ManySmallSegmentsTakeNoMorePagesThanThereAre)
{
	Connection tcp = connect_kind(Kind::tcp, false);
	Pipe pipe = make_pipe(0, 4 * page_size);

	for (int i = 0; i < 100; i++)
		put(tcp.far.get(), pattern(100, static_cast<size_t>(i) * 100));
	shutdown(tcp.far.get(), SHUT_WR);
	EXPECT_TRUE(same(through_pipe(tcp.near.get(), pipe, 20000), pattern(10000)));
}
