// SPDX-License-Identifier: GPL-2.0
/* Replies of a FUSE daemon that are spliced and turn out shorter than their headers say. */
#include "harden/control.hh"
#include "support/fuse.hh"

#include <gtest/gtest.h>

#include <fcntl.h>

namespace {

/* Of a short file, to which the second answer is that nothing is left. */
void expect_short_reads()
{
	FuseFile mounted("short");
	Fd file(open(mounted.path().c_str(), O_RDONLY), "open a FUSE file");
	std::string bytes(page_size, '\0');

	EXPECT_EQ(read(file.get(), bytes.data(), bytes.size()), 5);
	EXPECT_EQ(bytes.substr(0, 5), "short");
	EXPECT_EQ(read(file.get(), bytes.data(), bytes.size()), 0);
}

} // namespace

TEST(Replies, ThatTurnOutShorterArriveBeforeMeanwhileAndAfter)
{
	expect_short_reads();
	ASSERT_EQ(harden(), moved(0));
	expect_short_reads();
	EXPECT_EQ(soften(), moved(0));
	expect_short_reads();
}
