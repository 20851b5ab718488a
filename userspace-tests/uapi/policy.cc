// SPDX-License-Identifier: GPL-2.0
/* When splice takes pages out of the page cache, and when it copies them. */
#include "pipe/pipe.hh"
#include "pipe/private.hh"
#include "support/cpu.hh"
#include "support/files.hh"

#include <gtest/gtest.h>

#include <sys/mman.h>

namespace {

constexpr size_t size = 512 * 1024;

privpipe_query query(const Pipe &pipe)
{
	privpipe_query args = {.size = sizeof(args)};

	EXPECT_EQ(private_backend().command(pipe.in(), PRIVPIPE_QUERY, &args), moved(0));
	return args;
}

class TakePolicy : public testing::TestWithParam<const char *> {
protected:
	TakePolicy() { file.forget(); }

	Result splice(unsigned policy, unsigned flags = 0)
	{
		off64_t offset = 0;
		privpipe_splice args = {.size = sizeof(args),
					.flags = flags,
					.fd_in = file.fd(),
					.fd_out = pipe.out(),
					.off_in = abi_address(&offset),
					.len = size,
					.policy = policy};

		return private_backend().command(pipe.out(), PRIVPIPE_SPLICE, &args);
	}

	/* Everything came, the same bytes however it came; how much of it was taken. */
	size_t expect_all_and_count_taken()
	{
		privpipe_query now = query(pipe);

		EXPECT_EQ(now.unread, size);
		EXPECT_EQ(now.taken + now.copied, size);
		EXPECT_TRUE(same(drain(pipe.in()), contents));
		EXPECT_TRUE(same(file.read_at(0, size), contents));
		return now.taken;
	}

	OnOneCpu cpu;
	std::string contents = pattern(size);
	File file{GetParam(), contents};
	Pipe pipe = make_pipe(0, 1 << 20);
};

} // namespace

TEST_P(TakePolicy, NeverCopies)
{
	EXPECT_EQ(splice(PRIVPIPE_POLICY_NEVER, SPLICE_F_MOVE), moved(size));
	EXPECT_EQ(expect_all_and_count_taken(), 0u);
}

TEST_P(TakePolicy, MoveTakesWithTheFlag)
{
	EXPECT_EQ(splice(PRIVPIPE_POLICY_MOVE, SPLICE_F_MOVE), moved(size));
	EXPECT_GE(expect_all_and_count_taken(), size * 3 / 4);
}

TEST_P(TakePolicy, MoveCopiesWithoutTheFlag)
{
	EXPECT_EQ(splice(PRIVPIPE_POLICY_MOVE), moved(size));
	EXPECT_EQ(expect_all_and_count_taken(), 0u);
}

TEST_P(TakePolicy, TheDefaultIsMove)
{
	EXPECT_EQ(splice(PRIVPIPE_POLICY_DEFAULT), moved(size));
	EXPECT_EQ(expect_all_and_count_taken(), 0u);
	file.forget();
	pipe = make_pipe(0, 1 << 20);
	EXPECT_EQ(splice(PRIVPIPE_POLICY_DEFAULT, SPLICE_F_MOVE), moved(size));
	EXPECT_GE(expect_all_and_count_taken(), size * 3 / 4);
}

TEST_P(TakePolicy, AlwaysTakesWhatCanBeTaken)
{
	EXPECT_EQ(splice(PRIVPIPE_POLICY_ALWAYS), moved(size));
	EXPECT_GE(expect_all_and_count_taken(), size * 3 / 4);
}

TEST_P(TakePolicy, AlwaysCopiesDirtyPages)
{
	contents = pattern(size, 0, 7);
	file.write_at(0, contents);
	EXPECT_EQ(splice(PRIVPIPE_POLICY_ALWAYS), moved(size));
	EXPECT_EQ(expect_all_and_count_taken(), 0u);
}

TEST_P(TakePolicy, AlwaysCopiesMappedPages)
{
	Mapping mapping(mmap(nullptr, size, PROT_READ, MAP_SHARED | MAP_POPULATE, file.fd(), 0),
			size);

	EXPECT_EQ(splice(PRIVPIPE_POLICY_ALWAYS), moved(size));
	EXPECT_EQ(expect_all_and_count_taken(), 0u);
	EXPECT_TRUE(same(mapping.view(), contents));
}

TEST_P(TakePolicy, AutoTakesPagesThatWereOnlyReadAhead)
{
	EXPECT_EQ(splice(PRIVPIPE_POLICY_AUTO), moved(size));
	EXPECT_GE(expect_all_and_count_taken(), size * 3 / 4);
}

TEST_P(TakePolicy, AutoCopiesPagesThatSomebodyCameBackTo)
{
	for (int i = 0; i < 3; i++)
		file.read_at(0, size);
	EXPECT_EQ(splice(PRIVPIPE_POLICY_AUTO), moved(size));
	EXPECT_EQ(expect_all_and_count_taken(), 0u);
}

TEST_P(TakePolicy, PartsOfPagesAreCopied)
{
	off64_t offset = 100;
	privpipe_splice args = {.size = sizeof(args),
				.fd_in = file.fd(),
				.fd_out = pipe.out(),
				.off_in = abi_address(&offset),
				.len = 1000,
				.policy = PRIVPIPE_POLICY_ALWAYS};

	EXPECT_EQ(private_backend().command(pipe.out(), PRIVPIPE_SPLICE, &args), moved(1000));
	EXPECT_EQ(query(pipe).taken, 0u);
	EXPECT_TRUE(same(drain(pipe.in()), pattern(1000, 100)));
}

TEST_P(TakePolicy, TakenPagesGoOnAsTheyWere)
{
	Pipe next = make_pipe(0, 1 << 20);
	File copy(on_tmpfs);

	ASSERT_EQ(splice(PRIVPIPE_POLICY_ALWAYS), moved(size));
	EXPECT_EQ(do_splice(pipe.in(), next.out(), size), moved(size));
	file.write_at(0, std::string(size, 'N'));
	EXPECT_EQ(do_splice(next.in(), copy.fd(), size), moved(size));
	EXPECT_TRUE(same(copy.read_at(0, size), contents));
}

INSTANTIATE_TEST_SUITE_P(FileSystems, TakePolicy, testing::Values(on_ext4, on_xfs));

TEST(TakePolicyTmpfs, PagesWithoutADiskBehindThemAreCopied)
{
	File file(on_tmpfs, pattern(size));
	Pipe pipe = make_pipe(0, 1 << 20);
	privpipe_splice args = {.size = sizeof(args),
				.fd_in = file.fd(),
				.fd_out = pipe.out(),
				.len = size,
				.policy = PRIVPIPE_POLICY_ALWAYS};

	EXPECT_EQ(private_backend().command(pipe.out(), PRIVPIPE_SPLICE, &args), moved(size));
	EXPECT_EQ(query(pipe).taken, 0u);
	EXPECT_TRUE(same(drain(pipe.in()), pattern(size)));
	EXPECT_TRUE(same(file.read_at(0, size), pattern(size)));
}

TEST(Moving, WholeFoliosChangeHandsBetweenPrivatePipes)
{
	Pipe from = make_pipe();
	Pipe to = make_pipe();

	put(from.out(), pattern(default_capacity));
	EXPECT_EQ(do_splice(from.in(), to.out(), default_capacity), moved(default_capacity));
	EXPECT_EQ(query(to).moved, default_capacity);
	EXPECT_EQ(query(to).copied, 0u);
	EXPECT_TRUE(same(drain(to.in()), pattern(default_capacity)));
}

TEST(Moving, PartsOfFoliosAreCopied)
{
	Pipe from = make_pipe();
	Pipe to = make_pipe();

	put(from.out(), pattern(page_size));
	EXPECT_EQ(do_splice(from.in(), to.out(), 100), moved(100));
	EXPECT_EQ(query(to).moved, 0u);
	EXPECT_EQ(query(to).copied, 100u);
}
