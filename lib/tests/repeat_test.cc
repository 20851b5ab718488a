// SPDX-License-Identifier: MIT
#include "repeat.h"

#include <gtest/gtest.h>
#include <vector>

using namespace privpipe;

namespace {

using Answer = Result<std::size_t>;

Answer error(std::errc why)
{
	return std::unexpected(std::make_error_code(why));
}

// A caller without a limit does not wait.
struct NoWait {
	std::error_code operator()() const { return {}; }
	static bool again(std::error_code) { return false; }
};

// A call that gives prepared answers and remembers what it was asked.
struct Script {
	std::vector<Answer> answers;
	// NOLINTNEXTLINE(readability-redundant-member-init): the compiler wants what this refuses
	std::vector<std::pair<std::uint64_t, std::size_t>> asked = {};

	Transfer run(std::uint64_t len)
	{
		return repeat(len, NoWait(), [this](std::uint64_t done, std::size_t rest) {
			asked.emplace_back(done, rest);
			return answers.at(asked.size() - 1);
		});
	}
};

} // namespace

TEST(Repeat, GoesOnUntilEverythingMoved)
{
	Script script{{3, 4, 3}};
	const Transfer done = script.run(10);

	EXPECT_EQ(done.bytes, 10U);
	EXPECT_FALSE(done.error);
	EXPECT_EQ(script.asked, (decltype(script.asked){{0, 10}, {3, 7}, {7, 3}}));
}

TEST(Repeat, StopsAtTheEndWithoutAnError)
{
	Script script{{3, 0}};
	const Transfer done = script.run(10);

	EXPECT_EQ(done.bytes, 3U);
	EXPECT_FALSE(done.error);
}

TEST(Repeat, KeepsTheCountWhenAnErrorComes)
{
	Script script{{3, error(std::errc::no_space_on_device)}};
	const Transfer done = script.run(10);

	EXPECT_EQ(done.bytes, 3U);
	EXPECT_EQ(done.error, std::errc::no_space_on_device);
}

TEST(Repeat, GoesOnAfterASignal)
{
	Script script{{3, error(std::errc::interrupted), 7}};
	const Transfer done = script.run(10);

	EXPECT_EQ(done.bytes, 10U);
	EXPECT_FALSE(done.error);
}

TEST(Repeat, DoesNotWaitWhenTheCallDoesNot)
{
	Script script{{error(std::errc::resource_unavailable_try_again)}};
	const Transfer done = script.run(10);

	EXPECT_EQ(done.bytes, 0U);
	EXPECT_EQ(done.error, std::errc::resource_unavailable_try_again);
}

TEST(Repeat, AsksForNoMoreThanAnIntCanReturn)
{
	Script script{{0x7ffff000, 0}};
	const Transfer done = script.run(UINT64_MAX);

	EXPECT_EQ(done.bytes, 0x7ffff000U);
	EXPECT_EQ(script.asked[0].second, 0x7ffff000U);
	EXPECT_EQ(script.asked[1].second, 0x7ffff000U);
}

TEST(Repeat, OfNothingCallsNothing)
{
	Script script{{}};
	const Transfer done = script.run(0);

	EXPECT_EQ(done.bytes, 0U);
	EXPECT_TRUE(script.asked.empty());
}
