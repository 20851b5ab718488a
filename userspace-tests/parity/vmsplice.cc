// SPDX-License-Identifier: GPL-2.0
/* vmsplice: memory into the write end, bytes out of the read end. */
#include "pipe/kinds.hh"
#include "pipe/signals.hh"
#include "support/async.hh"
#include "support/child.hh"
#include "support/files.hh"

#include <gtest/gtest.h>

#include <climits>
#include <cstdint>

namespace {

constexpr unsigned unknown_flag = 1 << 4;

Result vmsplice_vector(int fd, const std::vector<iovec> &vector, unsigned flags = 0)
{
	return backend().vmsplice(fd, vector.data(), vector.size(), flags);
}

} // namespace

TEST(VmspliceErrors, AnUnknownFlagIsEinvalBeforeTheVectorIsRead)
{
	Pipe pipe = make_pipe();
	auto *bad = static_cast<iovec *>(nowhere());

	EXPECT_EQ(backend().vmsplice(pipe.out(), bad, 1, unknown_flag), failed(EINVAL));
	EXPECT_EQ(backend().vmsplice(pipe.in(), bad, 1, unknown_flag), failed(EINVAL));
}

TEST(VmspliceErrors, ADescriptorThatIsNotOpenIsEbadf)
{
	EXPECT_EQ(do_vmsplice(-1, "x"), failed(EBADF));
	EXPECT_EQ(do_vmsplice(INT_MAX, "x"), failed(EBADF));
}

TEST(VmspliceErrors, OnlyAPipeHasVmsplice)
{
	File file(on_tmpfs, "abc");
	Connection tcp = connect_kind(Kind::tcp, true);

	EXPECT_EQ(do_vmsplice(file.fd(), "x"), failed(expected().vmsplice_to_no_pipe));
	EXPECT_EQ(do_vmsplice(tcp.near.get(), "x"), failed(expected().vmsplice_to_no_pipe));
}

TEST(VmspliceErrors, NothingAtAllIsZeroEvenWhereThereIsNoPipe)
{
	File file(on_tmpfs, "abc");
	Pipe pipe = make_pipe();
	Result without_pipe = expected().empty_vmsplice_to_no_pipe
				      ? moved(0)
				      : failed(expected().vmsplice_to_no_pipe);

	for (int end : {pipe.in(), pipe.out()}) {
		EXPECT_EQ(vmsplice_vector(end, {}), moved(0));
		EXPECT_EQ(do_vmsplice(end, ""), moved(0));
	}
	EXPECT_EQ(do_vmsplice(file.fd(), ""), without_pipe);
}

TEST(VmspliceErrors, NothingAtAllIsZeroWithoutAReaderToo)
{
	CatchSignal sigpipe(SIGPIPE);
	Pipe pipe = make_pipe();

	pipe.read_end.reset();
	EXPECT_EQ(do_vmsplice(pipe.out(), ""), moved(0));
	EXPECT_EQ(sigpipe.count(), 0);
}

TEST(VmspliceErrors, MoreThan1024SegmentsAreEinval)
{
	Pipe pipe = make_pipe();
	std::vector<iovec> vector(IOV_MAX + 1, iovec_of("x"));

	EXPECT_EQ(vmsplice_vector(pipe.out(), vector), failed(EINVAL));
	EXPECT_EQ(backend().vmsplice(pipe.out(), vector.data(), SIZE_MAX, 0), failed(EINVAL));
	EXPECT_EQ(unread(pipe.in()), 0u);
}

TEST(VmspliceErrors, ABadVectorIsEfault)
{
	Pipe pipe = make_pipe();
	auto *bad = static_cast<iovec *>(nowhere());

	EXPECT_EQ(backend().vmsplice(pipe.out(), bad, 1, 0), failed(EFAULT));
	put(pipe.out(), "abc");
	EXPECT_EQ(backend().vmsplice(pipe.in(), bad, 1, 0), failed(EFAULT));
	EXPECT_EQ(drain(pipe.in()), "abc");
}

TEST(VmspliceErrors, ANegativeLengthIsEinvalWhereverItStands)
{
	Pipe pipe = make_pipe();
	std::string memory(10, 'x');
	const iovec good = iovec_of(memory);

	for (size_t length : {size_t(SSIZE_MAX) + 1, SIZE_MAX}) {
		const iovec bad = {memory.data(), length};

		EXPECT_EQ(vmsplice_vector(pipe.out(), {bad}), failed(EINVAL));
		EXPECT_EQ(vmsplice_vector(pipe.out(), {good, bad}), failed(EINVAL));
		EXPECT_EQ(vmsplice_vector(pipe.in(), {good, bad}), failed(EINVAL));
	}
	EXPECT_EQ(unread(pipe.in()), 0u);
}

TEST(VmspliceErrors, WithoutAReaderIsEpipeWithSigpipe)
{
	CatchSignal sigpipe(SIGPIPE);
	Pipe pipe = make_pipe();

	pipe.read_end.reset();
	EXPECT_EQ(do_vmsplice(pipe.out(), "x"), failed(EPIPE));
	EXPECT_TRUE(was_sent(sigpipe));
}

/* Size, offset in the page, flags. */
using Memory = std::tuple<size_t, size_t, unsigned>;

class VmspliceIn : public testing::TestWithParam<Memory> {
protected:
	size_t size() const { return std::get<0>(GetParam()); }
	size_t misalignment() const { return std::get<1>(GetParam()); }
	unsigned flags() const { return std::get<2>(GetParam()); }

	std::string_view bytes() const { return memory.view().substr(misalignment(), size()); }
	/* Stock's pages of the pipe are pages of memory, also the first and the last of them. */
	size_t expected_count() const
	{
		size_t lost = expected().vmsplice_packs ? 0 : misalignment();

		return std::min(size(), default_capacity - lost);
	}

	Mapping memory{2 * default_capacity};
	Pipe pipe = make_pipe();
};

TEST_P(VmspliceIn, FillsWhatFitsAndDoesNotWaitForMoreRoom)
{
	memory.fill(pattern(size()), misalignment());
	EXPECT_EQ(do_vmsplice(pipe.out(), bytes(), flags()), moved(expected_count()));
	EXPECT_EQ(unread(pipe.in()), expected_count());
	EXPECT_TRUE(same(drain(pipe.in()), pattern(expected_count())));
}

TEST_P(VmspliceIn, LeavesTheMemoryReadable)
{
	memory.fill(pattern(size()), misalignment());
	EXPECT_EQ(do_vmsplice(pipe.out(), bytes(), flags()), moved(expected_count()));
	EXPECT_TRUE(same(bytes(), pattern(size())));
}

INSTANTIATE_TEST_SUITE_P(Memory, VmspliceIn,
			 testing::Combine(testing::Values(1, 4095, 4096, 4097, 65535, 65536,
							  100000),
					  testing::Values(0, 1, 100, 4095),
					  testing::Values(0, SPLICE_F_GIFT, SPLICE_F_MOVE)));

TEST(VmspliceIn, EverySegmentIsTaken)
{
	const std::string bytes = pattern(10000);
	std::string_view all = bytes;
	Pipe pipe = make_pipe();

	EXPECT_EQ(vmsplice_vector(pipe.out(),
				  {iovec_of(all.substr(0, 1)), iovec_of(""),
				   iovec_of(all.substr(1, 5000)), iovec_of(all.substr(5001))}),
		  moved(10000));
	EXPECT_TRUE(same(drain(pipe.in()), bytes));
}

TEST(VmspliceIn, AGiftOfAPageAndABitTakesNoMore)
{
	constexpr size_t size = page_size + 100;
	const std::string bytes = pattern(2 * page_size);
	Mapping memory(2 * page_size);
	Pipe pipe = make_pipe();

	memory.fill(bytes);
	EXPECT_EQ(do_vmsplice(pipe.out(), memory.view().substr(0, size), SPLICE_F_GIFT),
		  moved(size));
	EXPECT_TRUE(same(drain(pipe.in()), bytes.substr(0, size)));
	EXPECT_TRUE(same(memory.view().substr(page_size), bytes.substr(page_size)));
}

TEST(VmspliceIn, SmallSegmentsTakeAPageEachUnlessTheyArePacked)
{
	Pipe pipe = make_pipe(0, 4 * page_size);
	const std::vector<iovec> letters(10, iovec_of("x"));
	const size_t count = expected().vmsplice_packs ? 10 : 4;

	EXPECT_EQ(vmsplice_vector(pipe.out(), letters), moved(count));
	EXPECT_EQ(drain(pipe.in()), std::string(count, 'x'));
}

TEST(VmspliceIn, WaitsForTheFirstRoomOnly)
{
	Pipe pipe = make_pipe();
	Mapping memory(3 * page_size);
	std::string filling = fill(pipe);

	memory.fill(pattern(memory.size()));

	Async waiting{[&] { return do_vmsplice(pipe.out(), memory.view()); }};

	ASSERT_TRUE(waiting.waits());
	EXPECT_TRUE(same(get(pipe.in(), page_size), filling.substr(0, page_size)));
	EXPECT_EQ(waiting.get(), moved(page_size));
	EXPECT_TRUE(same(drain(pipe.in()), filling.substr(page_size) + pattern(page_size)));
}

TEST(VmspliceIn, BytesWrittenLaterDoNotJoinItsPages)
{
	Pipe pipe = make_pipe(O_NONBLOCK, 2 * page_size);

	EXPECT_EQ(do_vmsplice(pipe.out(), "abc"), moved(3));
	put(pipe.out(), "def");
	EXPECT_EQ(drain(pipe.in()), "abcdef");
}

TEST(VmspliceIn, ReadOnlyMemoryIsASourceToo)
{
	Pipe pipe = make_pipe();
	Mapping memory(page_size);

	memory.fill(pattern(page_size));
	memory.protect_from_writes();
	EXPECT_EQ(do_vmsplice(pipe.out(), memory.view()), moved(page_size));
	EXPECT_TRUE(same(drain(pipe.in()), pattern(page_size)));
}

TEST(VmspliceIn, AMappedFileIsASource)
{
	File file(on_ext4, pattern(10000));
	Mapping memory(mmap(nullptr, 10000, PROT_READ, MAP_SHARED, file.fd(), 0), 10000);
	Pipe pipe = make_pipe();

	EXPECT_EQ(do_vmsplice(pipe.out(), memory.view()), moved(10000));
	EXPECT_TRUE(same(drain(pipe.in()), pattern(10000)));
}

TEST(VmspliceFaults, WhatWasTakenBeforeTheFaultIsThereAndCounted)
{
	for (size_t pages : {0, 1, 3, 15}) {
		Mapping memory((pages + 1) * page_size);
		Pipe pipe = make_pipe();

		memory.fill(pattern(pages * page_size));
		memory.forbid(pages * page_size, page_size);

		Result result = do_vmsplice(pipe.out(), memory.view());

		EXPECT_EQ(result, pages ? moved(pages * page_size) : failed(EFAULT));
		EXPECT_TRUE(same(drain(pipe.in()), pattern(result.bytes())));
	}
}

TEST(VmspliceFaults, ABadSegmentEndsTheCallWhereItStands)
{
	Pipe pipe = make_pipe();
	const iovec good = iovec_of("abc");
	const iovec bad = {nowhere(), 3};

	EXPECT_EQ(vmsplice_vector(pipe.out(), {good, bad, good}), moved(3));
	EXPECT_EQ(drain(pipe.in()), "abc");
	EXPECT_EQ(vmsplice_vector(pipe.out(), {bad, good}), failed(EFAULT));
	EXPECT_EQ(unread(pipe.in()), 0u);
}

TEST(VmspliceFaults, CopyingOutLosesNothing)
{
	const std::string bytes = pattern(3 * page_size);

	for (size_t good : {size_t(0), size_t(100), page_size, page_size + 100, 2 * page_size}) {
		Mapping memory(3 * page_size);
		Pipe pipe = make_pipe();
		const size_t whole = 2 * page_size;

		memory.forbid(whole, page_size);
		put(pipe.out(), bytes);

		std::string_view target = {memory.data() + whole - good, good + page_size};
		Result result = do_vmsplice(pipe.in(), target);

		if (!good) {
			EXPECT_EQ(result, failed(EFAULT));
		}
		ASSERT_LE(result.bytes(), good);
		EXPECT_TRUE(same(target.substr(0, result.bytes()),
				 std::string_view(bytes).substr(0, result.bytes())));
		EXPECT_TRUE(same(drain(pipe.in()), bytes.substr(result.bytes())));
	}
}

TEST(VmspliceOut, CopiesWhatIsThere)
{
	Pipe pipe = make_pipe();
	Mapping memory(3 * page_size);

	put(pipe.out(), pattern(5000));
	EXPECT_EQ(do_vmsplice(pipe.in(), memory.view()), moved(5000));
	EXPECT_TRUE(same(memory.view().substr(0, 5000), pattern(5000)));
	EXPECT_EQ(unread(pipe.in()), 0u);
}

TEST(VmspliceOut, LeavesWhatDoesNotFit)
{
	Pipe pipe = make_pipe();
	std::string first(10, '\0');
	std::string second(20, '\0');

	put(pipe.out(), pattern(100));
	EXPECT_EQ(vmsplice_vector(pipe.in(), {iovec_of(first), iovec_of(second)}), moved(30));
	EXPECT_EQ(first + second, pattern(30));
	EXPECT_EQ(drain(pipe.in()), pattern(70, 30));
}

TEST(VmspliceOut, TheEndOfThePipeIsZero)
{
	Pipe pipe = make_pipe();
	std::string memory(10, '\0');

	put(pipe.out(), "abc");
	pipe.write_end.reset();
	EXPECT_EQ(do_vmsplice(pipe.in(), memory), moved(3));
	EXPECT_EQ(do_vmsplice(pipe.in(), memory), moved(0));
}

TEST(VmspliceOut, MemoryThatCannotBeWrittenIsEfaultAndLosesNothing)
{
	Pipe pipe = make_pipe();
	Mapping memory(page_size);

	put(pipe.out(), "abc");
	memory.protect_from_writes();
	EXPECT_EQ(do_vmsplice(pipe.in(), memory.view()), failed(EFAULT));
	EXPECT_EQ(drain(pipe.in()), "abc");
}
