// SPDX-License-Identifier: MIT
#include <privpipe/privpipe.hpp>

#include <gtest/gtest.h>

using namespace privpipe;

TEST(Flags, CombineAsTheBitsDo)
{
	SpliceFlags flags = SpliceFlags::move | SpliceFlags::more;

	EXPECT_EQ(std::to_underlying(flags), unsigned(SPLICE_F_MOVE | SPLICE_F_MORE));
	flags |= SpliceFlags::gift;
	EXPECT_EQ(flags & SpliceFlags::gift, SpliceFlags::gift);
	flags &= ~SpliceFlags::gift;
	EXPECT_EQ(flags & SpliceFlags::gift, SpliceFlags::none);
	EXPECT_EQ(flags, SpliceFlags::move | SpliceFlags::more);
}

template <typename A, typename B>
concept Combine = requires(A a, B b) { a | b; };

TEST(Flags, OfDifferentCallsDoNotMix)
{
	static_assert(Combine<CreateFlags, CreateFlags>);
	static_assert(!Combine<CreateFlags, SpliceFlags>);
	static_assert(!Combine<SpliceFlags, unsigned>);
	static_assert(!Combine<Policy, Policy>);
}
