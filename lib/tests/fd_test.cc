// SPDX-License-Identifier: MIT
#include <privpipe/privpipe.hpp>

#include <fcntl.h>
#include <gtest/gtest.h>

using privpipe::Fd;

namespace {

int open_null()
{
	return ::open("/dev/null", O_RDWR | O_CLOEXEC);
}

bool is_open(int fd)
{
	return ::fcntl(fd, F_GETFD) >= 0;
}

} // namespace

static_assert(!std::is_copy_constructible_v<Fd> && !std::is_copy_assignable_v<Fd>);
static_assert(std::is_nothrow_move_constructible_v<Fd> && std::is_nothrow_move_assignable_v<Fd>);

TEST(Fd, IsClosedWithItsOwner)
{
	const int raw = open_null();
	{
		const Fd fd(raw);
		EXPECT_TRUE(fd);
		EXPECT_TRUE(is_open(raw));
	}
	EXPECT_FALSE(is_open(raw));
}

TEST(Fd, MovesToANewOwner)
{
	const int raw = open_null();
	Fd first(raw);
	const Fd second(std::move(first));

	EXPECT_FALSE(first); // NOLINT(bugprone-use-after-move): that is the question
	EXPECT_EQ(second.get(), raw);
	EXPECT_TRUE(is_open(raw));
}

TEST(Fd, IsClosedWhenAnotherTakesItsPlace)
{
	const int old_raw = open_null();
	const int new_raw = open_null();
	Fd fd(old_raw);

	fd = Fd(new_raw);
	EXPECT_FALSE(is_open(old_raw));
	EXPECT_EQ(fd.get(), new_raw);
	EXPECT_TRUE(is_open(new_raw));
}

TEST(Fd, ReleasedIsLeftOpen)
{
	int raw = -1;
	{
		Fd fd(open_null());
		raw = fd.release();
		EXPECT_FALSE(fd);
	}
	EXPECT_TRUE(is_open(raw));
	const Fd closes(raw);
}
