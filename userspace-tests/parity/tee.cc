// SPDX-License-Identifier: GPL-2.0
/* tee: the bytes of one pipe are in another, and still in the first. */
#include "pipe/kinds.hh"
#include "pipe/signals.hh"
#include "support/files.hh"

#include <gtest/gtest.h>

#include <climits>

namespace {

constexpr unsigned unknown_flag = 1 << 4;

class TeeErrors : public testing::Test {
protected:
	TeeErrors() { put(from.out(), "abc"); }
	~TeeErrors() override
	{
		EXPECT_EQ(drain(from.in()), "abc");
		EXPECT_EQ(unread(to.in()), 0u);
	}

	Pipe from = make_pipe();
	Pipe to = make_pipe();
};

} // namespace

TEST_F(TeeErrors, AnUnknownFlagIsEinvalEvenForNothing)
{
	EXPECT_EQ(do_tee(from.in(), to.out(), 1, unknown_flag), failed(EINVAL));
	EXPECT_EQ(do_tee(from.in(), to.out(), 0, unknown_flag), failed(EINVAL));
	EXPECT_EQ(do_tee(-1, -1, 0, unknown_flag), failed(EINVAL));
}

TEST_F(TeeErrors, LengthZeroIsZeroBeforeTheDescriptorsAreLookedAt)
{
	EXPECT_EQ(do_tee(-1, -1, 0), moved(0));
	EXPECT_EQ(do_tee(from.in(), to.out(), 0), moved(0));
}

TEST_F(TeeErrors, ABadDescriptorOrTheWrongEndIsEbadf)
{
	EXPECT_EQ(do_tee(-1, to.out(), 1), failed(EBADF));
	EXPECT_EQ(do_tee(from.in(), INT_MAX, 1), failed(EBADF));
	EXPECT_EQ(do_tee(from.out(), to.out(), 1), failed(EBADF));
	EXPECT_EQ(do_tee(from.in(), to.in(), 1), failed(EBADF));
}

TEST_F(TeeErrors, WhatIsNoPipeIsEinval)
{
	File file(on_tmpfs, "abc");
	Connection tcp = connect_kind(Kind::tcp, true);

	EXPECT_EQ(do_tee(file.fd(), to.out(), 1), failed(EINVAL));
	EXPECT_EQ(do_tee(from.in(), file.fd(), 1), failed(EINVAL));
	EXPECT_EQ(do_tee(from.in(), tcp.near.get(), 1), failed(EINVAL));
	EXPECT_EQ(do_tee(file.fd(), file.fd(), 1), failed(EINVAL));
}

TEST_F(TeeErrors, OnePipeOnBothSidesIsEinval)
{
	EXPECT_EQ(do_tee(from.in(), from.out(), 1), failed(EINVAL));
}

TEST_F(TeeErrors, WithoutAReaderIsEpipeWithSigpipe)
{
	CatchSignal sigpipe(SIGPIPE);
	Pipe nobody = make_pipe();

	nobody.read_end.reset();
	EXPECT_EQ(do_tee(from.in(), nobody.out(), 1), failed(EPIPE));
	EXPECT_TRUE(was_sent(sigpipe));
}

TEST(Tee, AnEmptyPipeWithoutAWriterIsZero)
{
	Pipe from = make_pipe();
	Pipe to = make_pipe();

	from.write_end.reset();
	EXPECT_EQ(do_tee(from.in(), to.out(), 100), moved(0));
}

class TeeSize : public testing::TestWithParam<std::tuple<size_t, size_t>> {};

TEST_P(TeeSize, CopiesSoMuchAndLeavesTheInputAsItWas)
{
	const auto [in_pipe, asked] = GetParam();
	const size_t count = std::min(in_pipe, asked);
	Pipe from = make_pipe();
	Pipe to = make_pipe();

	put(from.out(), pattern(in_pipe));
	EXPECT_EQ(do_tee(from.in(), to.out(), asked), moved(count));
	EXPECT_EQ(unread(from.in()), in_pipe);
	EXPECT_TRUE(same(drain(to.in()), pattern(count)));
	EXPECT_TRUE(same(drain(from.in()), pattern(in_pipe)));
}

INSTANTIATE_TEST_SUITE_P(Sizes, TeeSize,
			 testing::Combine(testing::Values(1, 4096, 5000, 65536),
					  testing::Values(1, 4095, 4097, 65536, SIZE_MAX)));

TEST(Tee, CopiesNoMoreThanTheOutputHasRoomFor)
{
	Pipe from = make_pipe();
	Pipe to = make_pipe(0, 4 * page_size);

	put(from.out(), pattern(default_capacity));
	EXPECT_EQ(do_tee(from.in(), to.out(), default_capacity), moved(4 * page_size));
	EXPECT_EQ(do_tee(from.in(), to.out(), default_capacity, SPLICE_F_NONBLOCK), failed(EAGAIN));
	EXPECT_TRUE(same(drain(to.in()), pattern(4 * page_size)));
	EXPECT_EQ(unread(from.in()), default_capacity);
}

TEST(Tee, EveryCopyIsTheSame)
{
	Pipe from = make_pipe();

	put(from.out(), pattern(10000));
	for (int i = 0; i < 3; i++) {
		Pipe to = make_pipe();

		EXPECT_EQ(do_tee(from.in(), to.out(), 10000), moved(10000));
		EXPECT_TRUE(same(drain(to.in()), pattern(10000)));
	}
}

TEST(Tee, CopiesPagesOfAFileThatDoNotBeginAtTheirStart)
{
	Fd file = open_seekable(Kind::ext4, pattern(100000));
	off64_t offset = 100;
	Pipe from = make_pipe();
	Pipe to = make_pipe();
	const size_t count = default_capacity - 100;

	ASSERT_EQ(backend().splice(file.get(), &offset, from.out(), nullptr, 100000, 0),
		  moved(count));
	EXPECT_EQ(do_tee(from.in(), to.out(), 100000), moved(count));
	EXPECT_TRUE(same(drain(to.in()), pattern(count, 100)));
	EXPECT_TRUE(same(drain(from.in()), pattern(count, 100)));
}

TEST(Tee, ThePipesGoDifferentWaysAfterwards)
{
	Pipe from = make_pipe();
	Pipe to = make_pipe();

	put(from.out(), "abc");
	EXPECT_EQ(do_tee(from.in(), to.out(), 3), moved(3));
	put(from.out(), "def");
	put(to.out(), "ghi");
	EXPECT_EQ(drain(from.in()), "abcdef");
	EXPECT_EQ(drain(to.in()), "abcghi");
}

TEST(Tee, AppendsToWhatTheOutputHolds)
{
	Pipe from = make_pipe();
	Pipe to = make_pipe();

	put(from.out(), "def");
	put(to.out(), "abc");
	EXPECT_EQ(do_tee(from.in(), to.out(), 3), moved(3));
	EXPECT_EQ(drain(to.in()), "abcdef");
}

TEST(Tee, APacketStaysAPacket)
{
	Pipe from = make_pipe(O_DIRECT);
	Pipe to = make_pipe();
	std::string buffer(100, '\0');

	put(from.out(), "abc");
	put(from.out(), "de");
	EXPECT_EQ(do_tee(from.in(), to.out(), 100), moved(5));
	EXPECT_EQ(backend().read(to.in(), buffer.data(), 100), moved(3));
	EXPECT_EQ(backend().read(to.in(), buffer.data(), 100), moved(2));
}
