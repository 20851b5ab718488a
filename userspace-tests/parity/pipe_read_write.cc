// SPDX-License-Identifier: GPL-2.0
/* read(2) and write(2) on a pipe: boundaries, atomicity, packets, vectors and faults. */
#include "pipe/pipe.hh"
#include "pipe/signals.hh"
#include "support/async.hh"

#include <gtest/gtest.h>

#include <climits>
#include <numeric>
#include <thread>
#include <vector>

namespace {

Result read_into(int fd, std::string &buffer)
{
	return backend().read(fd, buffer.data(), buffer.size());
}

Result write_from(int fd, std::string_view bytes)
{
	return backend().write(fd, bytes.data(), bytes.size());
}

} // namespace

TEST(PipeReadWrite, ReadGivesTheBytesInTheOrderTheyWereWritten)
{
	Pipe pipe = make_pipe();

	put(pipe.out(), pattern(5000));
	put(pipe.out(), pattern(5000, 5000));
	EXPECT_TRUE(same(get(pipe.in(), 10000), pattern(10000)));
	EXPECT_EQ(unread(pipe.in()), 0u);
}

TEST(PipeReadWrite, ReadTakesWhatIsThereWithoutWaitingForMore)
{
	Pipe pipe = make_pipe();
	std::string buffer(100, '\0');

	put(pipe.out(), "abc");
	EXPECT_EQ(read_into(pipe.in(), buffer), moved(3));
}

TEST(PipeReadWrite, ReadLeavesWhatDoesNotFit)
{
	Pipe pipe = make_pipe();
	std::string buffer(3, '\0');

	put(pipe.out(), "abcdef");
	EXPECT_EQ(read_into(pipe.in(), buffer), moved(3));
	EXPECT_EQ(drain(pipe.in()), "def");
}

TEST(PipeReadWrite, FionreadCountsTheBytesFromBothEnds)
{
	Pipe pipe = make_pipe();

	put(pipe.out(), pattern(5000));
	EXPECT_EQ(unread(pipe.in()), 5000u);
	EXPECT_EQ(unread(pipe.out()), 5000u);
	get(pipe.in(), 1234);
	EXPECT_EQ(unread(pipe.in()), 5000u - 1234u);
}

TEST(PipeReadWrite, ReadingNothingFromAnEmptyPipeIsZeroAtOnce)
{
	Pipe pipe = make_pipe();

	EXPECT_EQ(backend().read(pipe.in(), nullptr, 0), moved(0));
}

TEST(PipeReadWrite, WritingNothingIsZeroEvenWithoutAReader)
{
	CatchSignal sigpipe(SIGPIPE);
	Pipe pipe = make_pipe();

	pipe.read_end.reset();
	EXPECT_EQ(backend().write(pipe.out(), nullptr, 0), moved(0));
	EXPECT_EQ(sigpipe.count(), 0);
}

TEST(PipeReadWrite, WritingNothingPutsNothingIn)
{
	Pipe pipe = make_pipe(O_NONBLOCK);
	std::string buffer(10, '\0');

	EXPECT_EQ(write_from(pipe.out(), ""), moved(0));
	EXPECT_EQ(read_into(pipe.in(), buffer), failed(EAGAIN));
}

TEST(PipeReadWrite, EndOfFileComesAfterTheLastByteAndStays)
{
	Pipe pipe = make_pipe();
	std::string buffer(10, '\0');

	put(pipe.out(), "abc");
	pipe.write_end.reset();
	EXPECT_EQ(get(pipe.in(), 10), "abc");
	EXPECT_EQ(read_into(pipe.in(), buffer), moved(0));
	EXPECT_EQ(read_into(pipe.in(), buffer), moved(0));
}

TEST(PipeReadWrite, WriteWithoutAReaderIsEpipeWithSigpipe)
{
	CatchSignal sigpipe(SIGPIPE);
	Pipe pipe = make_pipe();

	pipe.read_end.reset();
	EXPECT_EQ(write_from(pipe.out(), "abc"), failed(EPIPE));
	EXPECT_TRUE(was_sent(sigpipe));
}

/* 6.12 refuses the flag, whatever the file. */
TEST(PipeReadWrite, WriteWithoutAReaderSendsNoSigpipeWithRwfNosignal)
{
	constexpr int rwf_nosignal = 0x100;
	CatchSignal sigpipe(SIGPIPE);
	Pipe pipe = make_pipe();
	Pipe stock = make_stock_pipe();
	iovec iov = iovec_of("abc");

	pipe.read_end.reset();
	stock.read_end.reset();
	EXPECT_EQ(result_of(pwritev2(pipe.out(), &iov, 1, -1, rwf_nosignal)),
		  result_of(pwritev2(stock.out(), &iov, 1, -1, rwf_nosignal)));
	EXPECT_EQ(sigpipe.count(), 0);
}

TEST(PipeReadWrite, EachEndRefusesTheOtherDirection)
{
	Pipe pipe = make_pipe();
	std::string buffer(10, '\0');

	EXPECT_EQ(read_into(pipe.out(), buffer), failed(EBADF));
	EXPECT_EQ(write_from(pipe.in(), "abc"), failed(EBADF));
}

TEST(PipeReadWrite, NonblockingReadOfAnEmptyPipeIsEagain)
{
	Pipe pipe = make_pipe(O_NONBLOCK);
	std::string buffer(10, '\0');

	EXPECT_EQ(read_into(pipe.in(), buffer), failed(EAGAIN));
}

TEST(PipeReadWrite, NonblockingWriteToAFullPipeIsEagain)
{
	Pipe pipe = make_pipe();

	fill(pipe);
	set_status_flag(pipe.out(), O_NONBLOCK);
	EXPECT_EQ(write_from(pipe.out(), "x"), failed(EAGAIN));
}

TEST(PipeReadWrite, NonblockCanBeSwitchedOffAndOnByFcntl)
{
	Pipe pipe = make_pipe(O_NONBLOCK);
	std::string buffer(10, '\0');

	set_status_flag(pipe.in(), O_NONBLOCK, false);

	Async waiting{[&] { return read_into(pipe.in(), buffer); }};

	EXPECT_TRUE(waiting.waits());
	put(pipe.out(), "abc");
	EXPECT_EQ(waiting.get(), moved(3));
	set_status_flag(pipe.in(), O_NONBLOCK);
	EXPECT_EQ(read_into(pipe.in(), buffer), failed(EAGAIN));
}

TEST(PipeReadWrite, NonblockOfOneEndSaysNothingAboutTheOther)
{
	Pipe pipe = make_pipe();
	std::string buffer(10, '\0');

	set_status_flag(pipe.out(), O_NONBLOCK);

	Async waiting{[&] { return read_into(pipe.in(), buffer); }};

	EXPECT_TRUE(waiting.waits());
	put(pipe.out(), "abc");
	EXPECT_EQ(waiting.get(), moved(3));
}

TEST(PipeReadWrite, NonblockingWriteUpToPipeBufIsAllOrNothing)
{
	Pipe pipe = make_pipe(O_NONBLOCK, page_size);

	put(pipe.out(), pattern(4000));
	EXPECT_EQ(write_from(pipe.out(), pattern(200, 4000)), failed(EAGAIN));
	EXPECT_TRUE(same(drain(pipe.in()), pattern(4000)));
}

TEST(PipeReadWrite, BlockingWriteReturnsWhenEverythingIsWritten)
{
	const std::string bytes = pattern(5 * default_capacity + 123);
	Pipe pipe = make_pipe();
	Async writing{[&] { return result_of(write(pipe.out(), bytes.data(), bytes.size())); }};

	EXPECT_TRUE(writing.waits());
	EXPECT_TRUE(same(get(pipe.in(), bytes.size()), bytes));
	EXPECT_EQ(writing.get(), moved(bytes.size()));
}

/* Which writes a pipe of two pages takes tells how it lays bytes out in pages. */
struct Layout {
	const char *name;
	std::vector<size_t> writes;
	std::vector<Result> results;
};

class PipeLayout : public testing::TestWithParam<Layout> {};

TEST_P(PipeLayout, WritesFitAsTheyFitAStockPipe)
{
	Pipe pipe = make_pipe(O_NONBLOCK, 2 * page_size);
	std::string expected;

	for (size_t i = 0; i < GetParam().writes.size(); i++) {
		std::string bytes = pattern(GetParam().writes[i], expected.size());
		Result wrote = write_from(pipe.out(), bytes);

		ASSERT_EQ(wrote, GetParam().results[i]) << "write number " << i;
		expected += bytes.substr(0, wrote.bytes());
	}
	EXPECT_EQ(unread(pipe.in()), expected.size());
	EXPECT_TRUE(same(drain(pipe.in()), expected));
}

INSTANTIATE_TEST_SUITE_P(
	TwoPages, PipeLayout,
	testing::Values(
		Layout{"two_pages", {4096, 4096, 1}, {moved(4096), moved(4096), failed(EAGAIN)}},
		Layout{"joins_the_last_page",
		       {4096, 1, 4095, 1},
		       {moved(4096), moved(1), moved(4095), failed(EAGAIN)}},
		Layout{"does_not_split_a_small_write",
		       {4000, 200, 96, 4000, 3800},
		       {moved(4000), moved(200), moved(96), failed(EAGAIN), moved(3800)}},
		Layout{"a_whole_page_starts_a_page",
		       {10, 4096, 10},
		       {moved(10), moved(4096), failed(EAGAIN)}},
		Layout{"the_odd_bytes_of_a_large_write_join",
		       {10, 5000, 1},
		       {moved(10), moved(5000), failed(EAGAIN)}},
		Layout{"a_large_write_is_cut", {10000, 1}, {moved(8192), failed(EAGAIN)}},
		Layout{"a_large_write_is_cut_at_a_page", {100, 8192}, {moved(100), moved(4096)}},
		Layout{"one_odd_byte_joins", {100, 4097}, {moved(100), moved(4097)}}),
	[](const auto &test) { return test.param.name; });

TEST(PipeReadWrite, ReadingPartOfAPageMakesNoRoomInIt)
{
	Pipe pipe = make_pipe(O_NONBLOCK, page_size);

	put(pipe.out(), pattern(4096));
	get(pipe.in(), 4095);
	EXPECT_EQ(write_from(pipe.out(), "x"), failed(EAGAIN));
	get(pipe.in(), 1);
	EXPECT_EQ(write_from(pipe.out(), "x"), moved(1));
}

/* Each record is one letter throughout, so a record that was torn shows. */
class PipeAtomicity : public testing::TestWithParam<size_t> {};

TEST_P(PipeAtomicity, ConcurrentWritesUpToPipeBufAreNotMixed)
{
	constexpr size_t writers = 4;
	constexpr size_t records = 100;
	const size_t record = GetParam();
	Pipe pipe = make_pipe();
	std::array<std::jthread, writers> threads;
	std::vector<size_t> seen(writers);

	for (size_t w = 0; w < writers; w++)
		threads[w] = std::jthread([&, w] {
			const std::string bytes(record, static_cast<char>('a' + w));

			for (size_t i = 0; i < records; i++)
				put(pipe.out(), bytes);
		});
	for (size_t i = 0; i < writers * records; i++) {
		std::string got = get(pipe.in(), record);

		ASSERT_EQ(got.find_first_not_of(got[0]), std::string::npos);
		seen[static_cast<size_t>(got[0] - 'a')]++;
	}
	EXPECT_EQ(seen, std::vector<size_t>(writers, records));
}

INSTANTIATE_TEST_SUITE_P(Sizes, PipeAtomicity, testing::Values(1, 512, 3000, PIPE_BUF),
			 testing::PrintToStringParamName());

TEST(PipeReadWrite, EveryByteGoesToExactlyOneOfTwoReaders)
{
	constexpr size_t total = 200000;
	Pipe pipe = make_pipe();
	auto count = [&] {
		size_t bytes = 0;
		std::string chunk(777, '\0');

		for (Result got; (got = read_into(pipe.in(), chunk)).bytes();)
			bytes += got.bytes();
		return bytes;
	};
	Async one{count};
	Async other{count};

	put(pipe.out(), pattern(total));
	pipe.write_end.reset();
	EXPECT_EQ(one.get() + other.get(), total);
}

TEST(PipePackets, EachReadGivesOnePacket)
{
	Pipe pipe = make_pipe(O_DIRECT);
	std::string buffer(100, '\0');

	put(pipe.out(), "abc");
	put(pipe.out(), "de");
	EXPECT_EQ(unread(pipe.in()), 5u);
	EXPECT_EQ(read_into(pipe.in(), buffer), moved(3));
	EXPECT_EQ(read_into(pipe.in(), buffer), moved(2));
}

TEST(PipePackets, AShortReadDropsTheRestOfItsPacketOnly)
{
	Pipe pipe = make_pipe(O_DIRECT);
	std::string buffer(1, '\0');

	put(pipe.out(), "abc");
	put(pipe.out(), "de");
	EXPECT_EQ(read_into(pipe.in(), buffer), moved(1));
	EXPECT_EQ(unread(pipe.in()), 2u);
	EXPECT_EQ(drain(pipe.in()), "de");
}

TEST(PipePackets, AWriteOverPipeBufBecomesSeveralPackets)
{
	Pipe pipe = make_pipe(O_DIRECT);
	std::string buffer(3 * PIPE_BUF, '\0');

	put(pipe.out(), pattern(2 * PIPE_BUF + 10));
	EXPECT_EQ(read_into(pipe.in(), buffer), moved(PIPE_BUF));
	EXPECT_EQ(read_into(pipe.in(), buffer), moved(PIPE_BUF));
	EXPECT_EQ(read_into(pipe.in(), buffer), moved(10));
}

TEST(PipePackets, EachPacketTakesAPage)
{
	Pipe pipe = make_pipe(O_DIRECT | O_NONBLOCK, 4 * page_size);

	for (int i = 0; i < 4; i++)
		EXPECT_EQ(write_from(pipe.out(), "x"), moved(1));
	EXPECT_EQ(write_from(pipe.out(), "x"), failed(EAGAIN));
}

TEST(PipePackets, PacketModeCanBeSwitchedByFcntl)
{
	Pipe pipe = make_pipe();
	std::string buffer(100, '\0');

	set_status_flag(pipe.out(), O_DIRECT);
	put(pipe.out(), "packet");
	set_status_flag(pipe.out(), O_DIRECT, false);
	put(pipe.out(), "stre");
	put(pipe.out(), "am");
	EXPECT_EQ(read_into(pipe.in(), buffer), moved(6));
	EXPECT_EQ(read_into(pipe.in(), buffer), moved(6));
	EXPECT_EQ(buffer.substr(0, 6), "stream");
}

TEST(PipePackets, PacketModeOfTheReadEndChangesNothing)
{
	Pipe pipe = make_pipe();
	std::string buffer(100, '\0');

	set_status_flag(pipe.in(), O_DIRECT);
	put(pipe.out(), "abc");
	put(pipe.out(), "de");
	EXPECT_EQ(read_into(pipe.in(), buffer), moved(5));
}

TEST(PipeVectors, WritevGathersAndReadvScatters)
{
	const std::string bytes = pattern(10000);
	Pipe pipe = make_pipe();
	std::string_view all = bytes;
	iovec out[] = {iovec_of(all.substr(0, 1)), iovec_of(""), iovec_of(all.substr(1, 6000)),
		       iovec_of(all.substr(6001))};
	std::string first(5000, '\0');
	std::string second(5000, '\0');
	iovec in[] = {iovec_of(first), iovec_of(second)};

	EXPECT_EQ(result_of(writev(pipe.out(), out, 4)), moved(10000));
	EXPECT_EQ(result_of(readv(pipe.in(), in, 2)), moved(10000));
	EXPECT_TRUE(same(first + second, bytes));
}

TEST(PipeVectors, AWritevUpToPipeBufIsAllOrNothing)
{
	Pipe pipe = make_pipe(O_NONBLOCK, page_size);
	iovec halves[] = {iovec_of("abc"), iovec_of("def")};

	put(pipe.out(), pattern(4093));
	EXPECT_EQ(result_of(writev(pipe.out(), halves, 2)), failed(EAGAIN));
	EXPECT_TRUE(same(drain(pipe.in()), pattern(4093)));
}

TEST(PipeVectors, AWritevIsOnePacket)
{
	Pipe pipe = make_pipe(O_DIRECT);
	iovec parts[] = {iovec_of("abc"), iovec_of("def")};
	std::string buffer(100, '\0');

	EXPECT_EQ(result_of(writev(pipe.out(), parts, 2)), moved(6));
	put(pipe.out(), "next");
	EXPECT_EQ(read_into(pipe.in(), buffer), moved(6));
}

TEST(PipeVectors, TooManySegmentsAreEinvalAndABadVectorIsEfault)
{
	Pipe pipe = make_pipe();
	std::vector<iovec> many(IOV_MAX + 1, iovec_of("x"));

	EXPECT_EQ(result_of(writev(pipe.out(), many.data(), IOV_MAX + 1)), failed(EINVAL));
	EXPECT_EQ(result_of(writev(pipe.out(), static_cast<iovec *>(nowhere()), 1)),
		  failed(EFAULT));
	EXPECT_EQ(unread(pipe.in()), 0u);
}

/* Memory whose first bytes are good, the pipe's content before, how the memory is passed. */
struct Fault {
	size_t good;
	size_t before;
	bool two_segments;

	friend void PrintTo(const Fault &fault, std::ostream *out)
	{
		*out << fault.good << " good bytes, " << fault.before << " in the pipe"
		     << (fault.two_segments ? ", the bad ones in a second segment" : "");
	}
};

class PipeFault : public testing::TestWithParam<Fault> {
protected:
	PipeFault()
	{
		memory.fill(bytes, whole - GetParam().good);
		memory.forbid(whole, page_size);
		if (GetParam().two_segments)
			vector = {{start(), GetParam().good}, {memory.data() + whole, page_size}};
		else
			vector = {{start(), GetParam().good + page_size}};
		put(pipe.out(), before);
	}

	char *start() { return memory.data() + whole - GetParam().good; }
	int segments() { return static_cast<int>(vector.size()); }

	static constexpr size_t whole = 3 * page_size;
	Mapping memory{whole + page_size};
	std::string before = pattern(GetParam().before, 0, 1);
	std::string bytes = pattern(GetParam().good);
	std::vector<iovec> vector;
	Pipe pipe = make_pipe();
};

TEST_P(PipeFault, WriteSaysWhatItTookAndThatIsWhatIsThere)
{
	Result wrote = result_of(writev(pipe.out(), vector.data(), segments()));

	if (GetParam().good < page_size && !GetParam().before)
		EXPECT_TRUE(wrote == failed(EFAULT) || wrote == moved(GetParam().good));
	else
		EXPECT_GE(wrote.bytes(), GetParam().good / page_size * page_size);
	EXPECT_TRUE(same(drain(pipe.in()), before + bytes.substr(0, wrote.bytes())));
	put(pipe.out(), "more");
	EXPECT_EQ(drain(pipe.in()), "more");
}

TEST_P(PipeFault, ReadSaysWhatItGaveAndLeavesTheRest)
{
	const std::string contents = before + pattern(2 * page_size, 0, 2);

	put(pipe.out(), contents.substr(before.size()));

	Result got = result_of(readv(pipe.in(), vector.data(), segments()));

	if (!GetParam().good) {
		EXPECT_EQ(got, failed(EFAULT));
	}
	ASSERT_LE(got.bytes(), GetParam().good);
	EXPECT_TRUE(
		same({start(), got.bytes()}, std::string_view(contents).substr(0, got.bytes())));
	EXPECT_TRUE(same(drain(pipe.in()), std::string_view(contents).substr(got.bytes())));
}

static std::vector<Fault> faults()
{
	std::vector<Fault> all;

	for (size_t good : {0, 1, 100, 4095, 4096, 4097, 5000, 8192, 12288})
		for (size_t before : {0, 10, 4096})
			for (bool two_segments : {false, true})
				all.push_back({good, before, two_segments});
	return all;
}

INSTANTIATE_TEST_SUITE_P(Lengths, PipeFault, testing::ValuesIn(faults()));

TEST(PipeNowait, PreadvDoesNotWaitForAnEmptyPipe)
{
	Pipe pipe = make_pipe();
	std::string buffer(10, '\0');
	iovec iov = iovec_of(buffer);

	EXPECT_EQ(result_of(preadv2(pipe.in(), &iov, 1, -1, RWF_NOWAIT)), failed(EAGAIN));
	put(pipe.out(), "abc");
	EXPECT_EQ(result_of(preadv2(pipe.in(), &iov, 1, -1, RWF_NOWAIT)), moved(3));
}

TEST(PipeNowait, PwritevDoesNotWaitForRoom)
{
	Pipe pipe = make_pipe();
	iovec iov = iovec_of("abc");

	EXPECT_EQ(result_of(pwritev2(pipe.out(), &iov, 1, -1, RWF_NOWAIT)), moved(3));
	fill(pipe);
	EXPECT_EQ(result_of(pwritev2(pipe.out(), &iov, 1, -1, RWF_NOWAIT)), failed(EAGAIN));
}
