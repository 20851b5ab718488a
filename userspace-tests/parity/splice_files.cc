// SPDX-License-Identifier: GPL-2.0
/* splice between a pipe and files with offsets: how much moves, from where to where. */
#include "pipe/kinds.hh"
#include "support/files.hh"

#include <gtest/gtest.h>

#include <algorithm>
#include <climits>

#include <sys/stat.h>

namespace {

off64_t position(int fd)
{
	return checked(lseek64(fd, 0, SEEK_CUR), "lseek");
}

void seek(int fd, size_t offset)
{
	checked(lseek64(fd, static_cast<off64_t>(offset), SEEK_SET), "lseek");
}

struct Extent {
	Kind kind;
	size_t offset;
	size_t size;
	unsigned capacity;

	friend void PrintTo(const Extent &extent, std::ostream *out)
	{
		*out << extent.size << " bytes at " << extent.offset << " of "
		     << kind_name(extent.kind) << ", pipe of " << extent.capacity;
	}
};

std::vector<Extent> extents(const std::vector<Kind> &kinds, std::initializer_list<size_t> offsets,
			    std::initializer_list<size_t> sizes,
			    std::initializer_list<unsigned> capacities)
{
	std::vector<Extent> all;

	for (Kind kind : kinds)
		for (size_t offset : offsets)
			for (size_t size : sizes)
				for (unsigned capacity : capacities)
					all.push_back({kind, offset, size, capacity});
	return all;
}

} // namespace

class SpliceFromFile : public testing::TestWithParam<Extent> {
protected:
	/* A pipe's page holds bytes of one page of the file. */
	size_t expected_count() const
	{
		return std::min(GetParam().size,
				GetParam().capacity - GetParam().offset % page_size);
	}

	/* There is always more in the file than is asked for. */
	Fd file = open_seekable(GetParam().kind,
				pattern(GetParam().offset + GetParam().size + page_size));
	Pipe pipe = make_pipe(0, GetParam().capacity);
};

TEST_P(SpliceFromFile, FillsThePagesThereAreAndAdvancesTheOffset)
{
	auto offset = static_cast<off64_t>(GetParam().offset);
	const size_t count = expected_count();

	EXPECT_EQ(backend().splice(file.get(), &offset, pipe.out(), nullptr, GetParam().size, 0),
		  moved(count));
	EXPECT_EQ(offset, static_cast<off64_t>(GetParam().offset + count));
	EXPECT_EQ(position(file.get()), 0);
	EXPECT_EQ(unread(pipe.in()), count);
	EXPECT_TRUE(same(drain(pipe.in()), pattern(count, GetParam().offset)));
}

TEST_P(SpliceFromFile, AdvancesThePositionUntilAllHasMoved)
{
	std::string got;

	seek(file.get(), GetParam().offset);
	while (got.size() < GetParam().size) {
		Result result = do_splice(file.get(), pipe.out(), GetParam().size - got.size());

		ASSERT_GT(result.value, 0);
		got += get(pipe.in(), result.bytes());
		ASSERT_EQ(position(file.get()),
			  static_cast<off64_t>(GetParam().offset + got.size()));
	}
	EXPECT_TRUE(same(got, pattern(GetParam().size, GetParam().offset)));
}

INSTANTIATE_TEST_SUITE_P(Extents, SpliceFromFile,
			 testing::ValuesIn(extents(seekable_sources, {0, 1, 4095, 4096, 5000},
						   {1, 4095, 4096, 4097, 65536, 65537, 200001},
						   {4096, 65536, 1 << 20})));

/* How the bytes that go to a file came into the pipe. */
struct Filling {
	const char *name;
	void (*put)(int pipe, std::string_view bytes);

	friend void PrintTo(const Filling &filling, std::ostream *out) { *out << filling.name; }
};

void by_vmsplice(int pipe, std::string_view bytes)
{
	while (!bytes.empty()) {
		Result result = do_vmsplice(pipe, bytes);

		ASSERT_GT(result.value, 0);
		bytes.remove_prefix(result.bytes());
	}
}

void by_splice(int pipe, std::string_view bytes)
{
	constexpr size_t unaligned = 100;
	Fd file = open_seekable(Kind::tmpfs, std::string(unaligned, 'x') + std::string(bytes));

	seek(file.get(), unaligned);
	for (size_t done = 0; done < bytes.size();) {
		Result result = do_splice(file.get(), pipe, bytes.size() - done);

		ASSERT_GT(result.value, 0);
		done += result.bytes();
	}
}

class SpliceToFile : public testing::TestWithParam<std::tuple<Extent, Filling>> {
protected:
	const Extent &extent() const { return std::get<0>(GetParam()); }

	const std::string before = std::string(10000, 'b');
	const std::string bytes = pattern(extent().size);
	Fd file = open_seekable(extent().kind, before);
	Pipe pipe = make_pipe(0, extent().capacity);
};

TEST_P(SpliceToFile, WritesTheBytesThereAndNothingElse)
{
	auto offset = static_cast<off64_t>(extent().offset);
	const off64_t end = offset + static_cast<off64_t>(bytes.size());

	std::get<1>(GetParam()).put(pipe.out(), bytes);
	EXPECT_EQ(backend().splice(pipe.in(), nullptr, file.get(), &offset, INT_MAX, 0),
		  moved(bytes.size()));
	EXPECT_EQ(offset, end);
	EXPECT_EQ(position(file.get()), 0);
	EXPECT_EQ(unread(pipe.in()), 0u);
	EXPECT_TRUE(
		same(read_at(file.get(), 0, extent().offset), std::string(extent().offset, 'b')));
	EXPECT_TRUE(same(read_at(file.get(), end - off64_t(bytes.size()), bytes.size()), bytes));
	if (static_cast<size_t>(end) < before.size()) {
		EXPECT_EQ(read_at(file.get(), end, 1), "b");
	}
}

TEST_P(SpliceToFile, AdvancesThePositionByEachPiece)
{
	const size_t piece = bytes.size() / 3 + 1;

	std::get<1>(GetParam()).put(pipe.out(), bytes);
	seek(file.get(), extent().offset);
	for (size_t done = 0; done < bytes.size();) {
		const size_t expected = std::min(piece, bytes.size() - done);

		ASSERT_EQ(do_splice(pipe.in(), file.get(), piece), moved(expected));
		done += expected;
		ASSERT_EQ(position(file.get()), static_cast<off64_t>(extent().offset + done));
		ASSERT_EQ(unread(pipe.in()), bytes.size() - done);
	}
	EXPECT_TRUE(same(read_at(file.get(), off64_t(extent().offset), bytes.size()), bytes));
}

INSTANTIATE_TEST_SUITE_P(
	Extents, SpliceToFile,
	testing::Combine(testing::ValuesIn(extents(seekable_targets, {0, 1, 4095, 5000},
						   {1, 4096, 4097, 61000}, {128 * 1024})),
			 testing::Values(Filling{"write", put}, Filling{"vmsplice", by_vmsplice},
					 Filling{"splice", by_splice})));

/* Kinds that end where their contents do. */
class SpliceFileEnd : public testing::TestWithParam<Kind> {
protected:
	Fd file = open_seekable(GetParam(), pattern(5000));
	Pipe pipe = make_pipe();
};

TEST_P(SpliceFileEnd, WhatIsLeftOfAFileIsAShortCount)
{
	off64_t offset = 4990;

	EXPECT_EQ(backend().splice(file.get(), &offset, pipe.out(), nullptr, 4096, 0), moved(10));
	EXPECT_EQ(offset, 5000);
	EXPECT_EQ(drain(pipe.in()), pattern(10, 4990));
}

TEST_P(SpliceFileEnd, AtAndBehindTheEndIsZeroAndTheOffsetStays)
{
	for (off64_t at : {off64_t(5000), off64_t(5001), off64_t(1) << 40}) {
		off64_t offset = at;

		EXPECT_EQ(backend().splice(file.get(), &offset, pipe.out(), nullptr, 4096, 0),
			  moved(0));
		EXPECT_EQ(offset, at);
	}
	EXPECT_EQ(unread(pipe.in()), 0u);
}

TEST_P(SpliceFileEnd, AHugeLengthMovesWhatThereIs)
{
	EXPECT_EQ(do_splice(file.get(), pipe.out(), SSIZE_MAX), moved(5000));
	EXPECT_TRUE(same(drain(pipe.in()), pattern(5000)));
}

INSTANTIATE_TEST_SUITE_P(Kinds, SpliceFileEnd,
			 testing::Values(Kind::ext4, Kind::xfs, Kind::tmpfs, Kind::memfd,
					 Kind::sealed_memfd),
			 testing::PrintToStringParamName());

TEST_P(SpliceFileEnd, OneByteTakesAPageOfThePipe)
{
	Pipe small = make_pipe(O_NONBLOCK, 4 * page_size);

	for (int i = 0; i < 4; i++)
		ASSERT_EQ(do_splice(file.get(), small.out(), 1), moved(1));
	EXPECT_EQ(do_splice(file.get(), small.out(), 1), failed(EAGAIN));
	EXPECT_EQ(drain(small.in()), pattern(4));
}

TEST_P(SpliceFileEnd, WrittenBytesDoNotJoinASplicedPage)
{
	Pipe small = make_pipe(O_NONBLOCK, 2 * page_size);

	ASSERT_EQ(do_splice(file.get(), small.out(), 1), moved(1));
	put(small.out(), "a");
	put(small.out(), "b");
	EXPECT_EQ(do_splice(file.get(), small.out(), 1), failed(EAGAIN));
	EXPECT_EQ(drain(small.in()), pattern(1) + "ab");
}

/* File systems whose files can have holes. */
class SpliceHoles : public testing::TestWithParam<const char *> {};

TEST_P(SpliceHoles, AHoleIsZeros)
{
	File file(GetParam(), pattern(20000));
	std::string expected = pattern(20000);
	Pipe pipe = make_pipe();

	checked(fallocate(file.fd(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 3000, 10000),
		"punch a hole");
	expected.replace(3000, 10000, 10000, '\0');
	EXPECT_EQ(do_splice(file.fd(), pipe.out(), default_capacity), moved(20000));
	EXPECT_TRUE(same(drain(pipe.in()), expected));
}

TEST_P(SpliceHoles, AFileThatIsAllHoleIsZeros)
{
	File file(GetParam());
	Pipe pipe = make_pipe();

	checked(ftruncate(file.fd(), 1 << 20), "ftruncate");
	EXPECT_EQ(do_splice(file.fd(), pipe.out(), 1 << 20), moved(default_capacity));
	EXPECT_TRUE(same(drain(pipe.in()), std::string(default_capacity, '\0')));
}

TEST_P(SpliceHoles, WritingBehindTheEndLeavesAHole)
{
	File file(GetParam());
	Pipe pipe = make_pipe();
	off64_t offset = 100000;

	put(pipe.out(), "abc");
	EXPECT_EQ(backend().splice(pipe.in(), nullptr, file.fd(), &offset, 3, 0), moved(3));
	EXPECT_EQ(file.size(), 100003);
	EXPECT_EQ(file.read_at(99999, 10), std::string("\0abc", 4));
}

TEST_P(SpliceHoles, WhatIsAppendedAfterTheEndWasSeenIsReadNext)
{
	File file(GetParam(), "old");
	Pipe pipe = make_pipe();

	EXPECT_EQ(do_splice(file.fd(), pipe.out(), 100), moved(3));
	EXPECT_EQ(do_splice(file.fd(), pipe.out(), 100), moved(0));
	file.write_at(3, "new");
	EXPECT_EQ(do_splice(file.fd(), pipe.out(), 100), moved(3));
	EXPECT_EQ(drain(pipe.in()), "oldnew");
}

INSTANTIATE_TEST_SUITE_P(FileSystems, SpliceHoles, testing::Values(on_ext4, on_xfs, on_tmpfs));

/* A file opened with O_DIRECT reads from the disk, past the page cache. */
class SpliceDirect : public testing::TestWithParam<const char *> {};

TEST_P(SpliceDirect, AnODirectFileIsASource)
{
	File file(GetParam(), pattern(default_capacity));
	Fd direct = file.reopen(O_RDONLY | O_DIRECT);
	Pipe pipe = make_pipe();

	EXPECT_EQ(do_splice(direct.get(), pipe.out(), default_capacity), moved(default_capacity));
	EXPECT_TRUE(same(drain(pipe.in()), pattern(default_capacity)));
	EXPECT_EQ(position(direct.get()), static_cast<off64_t>(default_capacity));
}

TEST_P(SpliceDirect, AnODirectFileIsATarget)
{
	File file(GetParam());
	Fd direct = file.reopen(O_WRONLY | O_DIRECT);
	Pipe pipe = make_pipe();

	put(pipe.out(), pattern(default_capacity));
	EXPECT_EQ(do_splice(pipe.in(), direct.get(), default_capacity), moved(default_capacity));
	EXPECT_TRUE(same(file.read_at(0, default_capacity), pattern(default_capacity)));
}

INSTANTIATE_TEST_SUITE_P(FileSystems, SpliceDirect, testing::Values(on_ext4, on_xfs));

TEST(SpliceCharacterDevices, ZeroFillsThePipe)
{
	Fd zero = open_seekable(Kind::zero, "");
	Pipe pipe = make_pipe();

	EXPECT_EQ(do_splice(zero.get(), pipe.out(), SSIZE_MAX), moved(default_capacity));
	EXPECT_TRUE(same(drain(pipe.in()), std::string(default_capacity, '\0')));
}

TEST(SpliceCharacterDevices, NullTakesEverything)
{
	Fd null = open_seekable(Kind::null, "");
	Pipe pipe = make_pipe();

	fill(pipe);
	EXPECT_EQ(do_splice(pipe.in(), null.get(), SSIZE_MAX), moved(default_capacity));
	EXPECT_EQ(unread(pipe.in()), 0u);
}

TEST(SpliceProc, AGeneratedFileIsASource)
{
	Fd file(open("/proc/version", O_RDONLY | O_CLOEXEC), "open /proc/version");
	std::string expected = read_at(file.get(), 0, page_size);
	Pipe pipe = make_pipe();

	EXPECT_EQ(do_splice(file.get(), pipe.out(), page_size), moved(expected.size()));
	EXPECT_EQ(drain(pipe.in()), expected);
	EXPECT_EQ(do_splice(file.get(), pipe.out(), page_size), moved(0));
}

namespace {

/** A buffer of its own for what is traced, which is there until this is destroyed. */
struct TraceInstance {
	struct Directory {
		std::string path = "/sys/kernel/tracing/instances/privpipe-test";

		Directory() { checked(mkdir(path.c_str(), 0700), "mkdir " + path); }
		~Directory() { EXPECT_EQ(rmdir(path.c_str()), 0) << path; }
	} directory;
	Fd marker = file("trace_marker", O_WRONLY);
	Fd raw = file("trace_marker_raw", O_WRONLY);
	Fd pipe = file("trace_pipe", O_RDONLY | O_NONBLOCK);

	Fd file(const std::string &name, int flags) const
	{
		return {open((directory.path + "/" + name).c_str(), flags | O_CLOEXEC), name};
	}

	/** splice(2) up to @a length bytes at a time, while there are any. */
	std::string splice_all(size_t length) const
	{
		Pipe to = make_pipe();
		std::string all;
		Result in = moved(0);

		while ((in = do_splice(pipe.get(), to.out(), length)).value > 0)
			all += drain(to.in());
		EXPECT_EQ(in, failed(backend().expect().trace == Trace::refused ? EINVAL : EAGAIN));
		return all;
	}
};

size_t count(const std::string &text, const std::string &part)
{
	size_t found = 0;

	for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size())
		found++;
	return found;
}

} /* namespace */

TEST(SpliceTrace, LosesNothing)
{
	const std::string text(100, 't');
	const Trace expected = backend().expect().trace;
	constexpr size_t lines = 200;
	const TraceInstance trace;

	for (size_t i = 0; i < lines; i++)
		put(trace.marker.get(), text + std::to_string(i) + ".");
	const std::string all = trace.splice_all(default_capacity);

	size_t lost = 0;
	for (size_t i = 0; i < lines; i++)
		lost += !all.contains(text + std::to_string(i) + ".");
	EXPECT_EQ(lost == 0, expected == Trace::whole) << lost << " lines";
	EXPECT_EQ(lost == lines, expected == Trace::refused);
}

/* Stock returns more than was asked for, prints one event again and loses the other. */
TEST(SpliceTrace, WhatReadHasLeftComesFirst)
{
	const Trace expected = backend().expect().trace;
	const TraceInstance trace;
	Pipe pipe = make_pipe();
	char some[20];

	put(trace.marker.get(), "first.");
	put(trace.marker.get(), "second.");
	ASSERT_EQ(read(trace.pipe.get(), some, sizeof(some)), static_cast<ssize_t>(sizeof(some)));
	const Result in = do_splice(trace.pipe.get(), pipe.out(), 10);
	if (expected == Trace::refused) {
		EXPECT_EQ(in, failed(EINVAL));
		return;
	}
	EXPECT_EQ(in == moved(10), expected == Trace::whole);
	const std::string all = drain(pipe.in()) + trace.splice_all(page_size);
	EXPECT_EQ(count(all, "first.") == 1 && count(all, "second.") == 1, expected == Trace::whole)
		<< all;
}

/* Stock returns 0 for a line that is longer than what was asked for, as at the end of a file. */
TEST(SpliceTrace, ALongLineIsCut)
{
	const Trace expected = backend().expect().trace;
	const std::string bytes(1396, '\xab');
	const std::string id(sizeof(int), '\1');
	const TraceInstance trace;
	Pipe pipe = make_pipe();

	put(trace.raw.get(), id + bytes);
	const Result in = do_splice(trace.pipe.get(), pipe.out(), page_size);
	if (expected != Trace::whole) {
		EXPECT_EQ(in, expected == Trace::refused ? failed(EINVAL) : moved(0));
		return;
	}
	EXPECT_EQ(in, moved(page_size));
	put(trace.raw.get(), id + bytes + bytes);
	put(trace.marker.get(), "next.");
	const std::string all = drain(pipe.in()) + trace.splice_all(page_size);
	EXPECT_EQ(count(all.substr(0, all.find('\n')), " ab"), bytes.size());
	/* As much of the other as the kernel has room for. */
	EXPECT_GT(count(all, " ab"), 2 * bytes.size());
	EXPECT_EQ(count(all, "next."), 1u);
}

TEST(SplicePackets, APacketLosesItsBoundaryInAFile)
{
	File file(on_tmpfs);
	Pipe pipe = make_pipe(O_DIRECT);

	put(pipe.out(), "abc");
	put(pipe.out(), "def");
	EXPECT_EQ(do_splice(pipe.in(), file.fd(), 4), moved(4));
	EXPECT_EQ(do_splice(pipe.in(), file.fd(), 4), moved(2));
	EXPECT_EQ(file.read_at(0, 10), "abcdef");
}
