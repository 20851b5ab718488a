// SPDX-License-Identifier: GPL-2.0
/* Replies of a FUSE daemon that are spliced and turn out shorter than their headers say. */
#include "harden/control.hh"
#include "pipe/fuse.hh"
#include "pipe/pipe.hh"

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

/* More is spliced than the pipe has, so the device takes nothing. */
TEST(Replies, ThatAreRefusedStayAsTheyAre)
{
	const fuse_out_header header = {.len = 1000};
	const std::string bytes(reinterpret_cast<const char *>(&header), sizeof(header));
	Fd device(open("/dev/fuse", O_RDWR | O_CLOEXEC), "open /dev/fuse");
	Pipe pipe = make_stock_pipe();

	ASSERT_EQ(harden(), moved(0));
	EXPECT_EQ(do_vmsplice(pipe.out(), bytes), moved(bytes.size()));
	EXPECT_FALSE(do_splice(pipe.in(), device.get(), bytes.size() + 1).ok());
	EXPECT_EQ(get(pipe.in(), bytes.size()), bytes);
	EXPECT_EQ(soften(), moved(0));
}
