// SPDX-License-Identifier: GPL-2.0
/* The capacity of a pipe, and the limits of a user. */
#include "pipe/pipe.hh"
#include "support/async.hh"
#include "support/child.hh"

#include <gtest/gtest.h>

#include <vector>

namespace {

constexpr unsigned a_mebibyte = 1 << 20;

Result create_and_close(unsigned capacity = 0)
{
	std::array<int, 2> ends;
	Result made = backend().create(ends, 0, capacity);

	if (made.ok()) {
		close(ends[0]);
		close(ends[1]);
	}
	return made;
}

} // namespace

TEST(PipeSize, TheDefaultIs64KiB)
{
	Pipe pipe = make_pipe();

	EXPECT_EQ(backend().capacity(pipe.in()), moved(default_capacity));
	EXPECT_EQ(backend().capacity(pipe.out()), moved(default_capacity));
	EXPECT_EQ(fill(pipe).size(), default_capacity);
}

struct Request {
	unsigned asked;
	unsigned given;
};

class PipeSizeRequest : public testing::TestWithParam<Request> {};

TEST_P(PipeSizeRequest, IsRoundedUpToAPowerOfTwoPagesAndIsWhatFits)
{
	Pipe pipe = make_pipe();

	EXPECT_EQ(backend().resize(pipe.out(), GetParam().asked), moved(GetParam().given));
	EXPECT_EQ(backend().capacity(pipe.in()), moved(GetParam().given));
	EXPECT_EQ(fill(pipe).size(), GetParam().given);
}

INSTANTIATE_TEST_SUITE_P(Sizes, PipeSizeRequest,
			 testing::Values(Request{0, 4096}, Request{1, 4096}, Request{4096, 4096},
					 Request{4097, 8192}, Request{65535, 65536},
					 Request{65537, 131072}, Request{200000, 262144},
					 Request{a_mebibyte, a_mebibyte}),
			 [](const auto &test) { return std::to_string(test.param.asked); });

TEST(PipeSize, CanBeGivenAtCreation)
{
	Pipe pipe = make_pipe(0, 5000);

	EXPECT_EQ(backend().capacity(pipe.in()), moved(8192));
	EXPECT_EQ(fill(pipe).size(), 8192u);
}

TEST(PipeSize, CanBeChangedAtTheReadEndToo)
{
	Pipe pipe = make_pipe();

	EXPECT_EQ(backend().resize(pipe.in(), 8192), moved(8192));
	EXPECT_EQ(backend().capacity(pipe.out()), moved(8192));
}

TEST(PipeSize, Over2GiBIsEinval)
{
	Pipe pipe = make_pipe();

	EXPECT_EQ(backend().resize(pipe.out(), (1u << 31) + 1), failed(EINVAL));
	EXPECT_EQ(backend().resize(pipe.out(), ~0u), failed(EINVAL));
	EXPECT_EQ(create_and_close((1u << 31) + 1), failed(EINVAL));
	EXPECT_EQ(backend().capacity(pipe.in()), moved(default_capacity));
}

TEST(PipeSize, ShrinkingBelowTheContentIsEbusyAndLosesNothing)
{
	Pipe pipe = make_pipe();
	const std::string bytes = pattern(5 * page_size);

	put(pipe.out(), bytes);
	EXPECT_EQ(backend().resize(pipe.out(), 4 * page_size), failed(EBUSY));
	EXPECT_EQ(backend().capacity(pipe.in()), moved(default_capacity));
	EXPECT_EQ(backend().resize(pipe.out(), 8 * page_size), moved(8 * page_size));
	EXPECT_TRUE(same(drain(pipe.in()), bytes));
}

TEST(PipeSize, ShrinkingToExactlyTheContentWorks)
{
	Pipe pipe = make_pipe();
	const std::string bytes = pattern(4 * page_size);

	put(pipe.out(), bytes);
	EXPECT_EQ(backend().resize(pipe.out(), 4 * page_size), moved(4 * page_size));
	EXPECT_TRUE(same(drain(pipe.in()), bytes));
}

TEST(PipeSize, ResizingKeepsBytesThatWrapAroundTheRing)
{
	Pipe pipe = make_pipe();

	put(pipe.out(), pattern(60000));
	get(pipe.in(), 50000);
	put(pipe.out(), pattern(40000, 60000));
	for (unsigned capacity : {a_mebibyte, 65536u, 131072u})
		ASSERT_EQ(backend().resize(pipe.out(), capacity), moved(capacity));
	EXPECT_TRUE(same(drain(pipe.in()), pattern(50000, 50000)));
}

TEST(PipeSize, GrowingLetsAWaitingWriterGoOn)
{
	Pipe pipe = make_pipe(0, page_size);

	fill(pipe);

	Async writing{[&] { return backend().write(pipe.out(), "x", 1); }};

	EXPECT_TRUE(writing.waits());
	EXPECT_EQ(backend().resize(pipe.out(), 2 * page_size), moved(2 * page_size));
	EXPECT_EQ(writing.get(), moved(1));
}

TEST(PipeLimits, ThePrivilegedMayGoOverTheMaximum)
{
	Setting limit(backend().parameters().max_size, "65536");
	Pipe pipe = make_pipe();

	EXPECT_EQ(backend().resize(pipe.out(), 2 * default_capacity), moved(2 * default_capacity));
}

TEST(PipeLimits, TheUnprivilegedMayNotGrowOverTheMaximum)
{
	Setting limit(backend().parameters().max_size, "131072");

	EXPECT_EQ(in_child([] {
			  become_unprivileged();

			  Pipe pipe = make_pipe();

			  require(backend().resize(pipe.out(), 131072) == moved(131072),
				  "up to the maximum");
			  require(backend().resize(pipe.out(), 131073) == failed(EPERM), "over it");
			  require(backend().capacity(pipe.out()) == moved(131072), "unchanged");
			  require(create_and_close(131073) == failed(EPERM), "a new one over it");
		  }),
		  "");
}

TEST(PipeLimits, APipeOverANewMaximumMayStillShrink)
{
	Pipe pipe = make_pipe(0, 16 * default_capacity);
	Setting limit(backend().parameters().max_size, "65536");

	EXPECT_EQ(in_child([&] {
			  become_unprivileged();
			  require(backend().resize(pipe.out(), 8 * default_capacity) ==
					  moved(8 * default_capacity),
				  "shrinking");
			  require(backend().resize(pipe.out(), 16 * default_capacity) ==
					  failed(EPERM),
				  "growing again");
		  }),
		  "");
}

TEST(PipeLimits, AMaximumBelowTheDefaultIsWhatTheUnprivilegedGet)
{
	Setting limit(backend().parameters().max_size, "16384");

	EXPECT_EQ(in_child([] {
			  become_unprivileged();
			  require(backend().capacity(make_pipe().out()) == moved(16384),
				  "the default");
		  }),
		  "");
}

TEST(PipeLimits, OverTheSoftLimitANewPipeHasTwoPagesAndNoneMayGrow)
{
	Setting limit(backend().parameters().user_soft, "32");

	EXPECT_EQ(in_child([] {
			  become_unprivileged();

			  Pipe within[] = {make_pipe(), make_pipe()};
			  Pipe over = make_pipe();

			  require(backend().capacity(within[1].out()) == moved(default_capacity),
				  "within");
			  require(backend().capacity(over.out()) == moved(2 * page_size),
				  "two pages");
			  require(fill(over).size() == 2 * page_size, "two pages of room");
			  require(backend().resize(over.out(), 4 * page_size) == failed(EPERM),
				  "growing");
			  require(backend().resize(within[1].out(), page_size) == moved(page_size),
				  "shrinking");
			  require(backend().resize(within[1].out(), 2 * page_size) ==
					  moved(2 * page_size),
				  "growing within the limit again");
		  }),
		  "");
}

TEST(PipeLimits, OverTheHardLimitThereIsNoNewPipe)
{
	Setting limit(backend().parameters().user_hard, "32");

	EXPECT_EQ(in_child([] {
			  become_unprivileged();

			  std::vector<Pipe> within;

			  within.push_back(make_pipe());
			  within.push_back(make_pipe());
			  require(create_and_close() == failed(ENFILE), "a third pipe");
			  require(backend().resize(within[0].out(), 2 * default_capacity) ==
					  failed(EPERM),
				  "growing");
			  within.pop_back();
			  require(create_and_close() == moved(0), "after closing one");
		  }),
		  "");
}

TEST(PipeLimits, TheLimitsDoNotBindThePrivileged)
{
	Setting soft(backend().parameters().user_soft, "1");
	Setting hard(backend().parameters().user_hard, "1");
	Pipe pipe = make_pipe();

	EXPECT_EQ(backend().capacity(pipe.out()), moved(default_capacity));
	EXPECT_EQ(backend().resize(pipe.out(), 2 * default_capacity), moved(2 * default_capacity));
}
