// SPDX-License-Identifier: GPL-2.0
/* D2, D5, D7: the memory of a process in a pipe. */
#include "pipe/kinds.hh"
#include "support/child.hh"
#include "support/files.hh"

#include <gtest/gtest.h>

#include <sys/wait.h>

namespace {

constexpr size_t size = 3 * page_size;

/* Something done to memory while its bytes are in a pipe. */
struct Change {
	const char *name;
	int sharing;
	void (*make)(Mapping &memory);
	Content stock; /* do pages shared with a pipe show it? */

	friend void PrintTo(const Change &change, std::ostream *out) { *out << change.name; }
};

void store(Mapping &memory)
{
	memory.fill(std::string(memory.size(), 'N'));
}

void store_in_child(Mapping &memory)
{
	EXPECT_EQ(in_child([&] { store(memory); }), "");
}

/* While a child has the pages too, they are copied on a write: of either. */
void fork_and_store(Mapping &memory)
{
	Pipe hold = make_stock_pipe();
	pid_t child = checked(fork(), "fork");

	if (child == 0) {
		char byte;

		close(hold.write_end.release());
		_exit(read(hold.in(), &byte, 1) == 0 ? 0 : 1);
	}
	store(memory);
	hold.write_end.reset();
	waitpid(child, nullptr, 0);
}

void unmap(Mapping &memory)
{
	size_t bytes = memory.size();

	memory.unmap();

	/* The next owner of the pages would write to them. */
	Mapping other(bytes);

	store(other);
}

void drop(Mapping &memory)
{
	checked(madvise(memory.data(), memory.size(), MADV_DONTNEED), "MADV_DONTNEED");
	store(memory);
}

const Change changes[] = {
	{"written", MAP_PRIVATE, store, Content::changed},
	{"shared_memory_written_by_a_child", MAP_SHARED, store_in_child, Content::changed},
	{"forked_and_written", MAP_PRIVATE, fork_and_store, Content::kept},
	{"unmapped", MAP_PRIVATE, unmap, Content::kept},
	{"dropped_and_written", MAP_PRIVATE, drop, Content::kept},
};

} // namespace

class MemoryInPipe : public testing::TestWithParam<std::tuple<Change, unsigned>> {};

TEST_P(MemoryInPipe, StaysAsItWasUnlessThePagesAreShared)
{
	const auto &[change, flags] = GetParam();
	const std::string original = pattern(size);
	Content content = change.stock == Content::kept ? Content::kept : expected().memory_written;
	Mapping memory(size, change.sharing);
	Pipe pipe = make_pipe();

	memory.fill(original);
	ASSERT_EQ(do_vmsplice(pipe.out(), memory.view(), flags), moved(size));
	change.make(memory);
	EXPECT_TRUE(same(drain(pipe.in()),
			 content == Content::kept ? original : std::string(size, 'N')));
}

INSTANTIATE_TEST_SUITE_P(D2, MemoryInPipe,
			 testing::Combine(testing::ValuesIn(changes),
					  testing::Values(0, SPLICE_F_GIFT)));

TEST(MemoryInPipe, AMappedFileWrittenAfterwardsIsNoDifferentFromMemory)
{
	File file(on_ext4, pattern(size));
	Mapping mapping(mmap(nullptr, size, PROT_READ, MAP_SHARED, file.fd(), 0), size);
	Pipe pipe = make_pipe();

	ASSERT_EQ(do_vmsplice(pipe.out(), mapping.view()), moved(size));
	file.write_at(0, std::string(size, 'N'));
	EXPECT_TRUE(same(drain(pipe.in()), expected().memory_written == Content::kept
						   ? pattern(size)
						   : std::string(size, 'N')));
}

TEST(TeedMemory, IsSharedByNeitherOrBothPipes)
{
	Mapping memory(size);
	Pipe from = make_pipe();
	Pipe to = make_pipe();

	memory.fill(pattern(size));
	ASSERT_EQ(do_vmsplice(from.out(), memory.view()), moved(size));
	ASSERT_EQ(do_tee(from.in(), to.out(), size), moved(size));
	store(memory);

	const std::string seen = expected().teed_page_written == Content::kept
					 ? pattern(size)
					 : std::string(size, 'N');

	EXPECT_TRUE(same(drain(from.in()), seen));
	EXPECT_TRUE(same(drain(to.in()), seen));
}

TEST(TeedFile, IsSharedByNeitherOrBothPipes)
{
	File file(on_ext4, pattern(size));
	Pipe from = make_pipe();
	Pipe to = make_pipe();

	ASSERT_EQ(do_splice(file.fd(), from.out(), size), moved(size));
	ASSERT_EQ(do_tee(from.in(), to.out(), size), moved(size));
	file.write_at(0, std::string(size, 'N'));

	const std::string seen = expected().teed_page_written == Content::kept
					 ? pattern(size)
					 : std::string(size, 'N');

	EXPECT_TRUE(same(drain(from.in()), seen));
	EXPECT_TRUE(same(drain(to.in()), seen));
}

class UnalignedMemory : public testing::TestWithParam<size_t> {};

TEST_P(UnalignedMemory, Of64KiBTakesSixteenPagesOrSeventeen)
{
	Mapping memory(default_capacity + page_size);
	Pipe pipe = make_pipe();
	const std::string bytes = pattern(default_capacity);
	const size_t fits = default_capacity - (expected().vmsplice_packs ? 0 : GetParam());

	memory.fill(bytes, GetParam());
	EXPECT_EQ(do_vmsplice(pipe.out(), memory.view().substr(GetParam(), default_capacity)),
		  moved(fits));
	EXPECT_TRUE(same(drain(pipe.in()), bytes.substr(0, fits)));
}

INSTANTIATE_TEST_SUITE_P(D5, UnalignedMemory, testing::Values(1, 100, 2048, 4095),
			 testing::PrintToStringParamName());

TEST(GiftedMemory, ReadsAsZerosWhereItChangedHandsAndGoesOnWorking)
{
	Mapping memory(backend().map_gift(size), size);
	Pipe pipe = make_pipe();
	const std::string left =
		expected().gift_reads_as_zeros ? std::string(size, '\0') : pattern(size);

	for (int round = 0; round < 3; round++) {
		memory.fill(pattern(size));
		ASSERT_EQ(do_vmsplice(pipe.out(), memory.view(), SPLICE_F_GIFT), moved(size));
		EXPECT_TRUE(same(memory.view(), left));
		EXPECT_TRUE(same(drain(pipe.in()), pattern(size)));
	}
}

TEST(GiftedMemory, WrittenAfterwardsShowsOnlyWhereItIsShared)
{
	Mapping memory(backend().map_gift(size), size);
	Pipe pipe = make_pipe();

	memory.fill(pattern(size));
	ASSERT_EQ(do_vmsplice(pipe.out(), memory.view(), SPLICE_F_GIFT), moved(size));
	store(memory);
	EXPECT_TRUE(same(drain(pipe.in()), expected().memory_written == Content::kept
						   ? pattern(size)
						   : std::string(size, 'N')));
	EXPECT_TRUE(same(memory.view(), std::string(size, 'N')));
}
