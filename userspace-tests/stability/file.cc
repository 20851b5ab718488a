// SPDX-License-Identifier: GPL-2.0
/* D1, D3, D6: the bytes of a file in a pipe, after the file has changed. */
#include "pipe/kinds.hh"
#include "support/async.hh"
#include "support/cgroup.hh"
#include "support/child.hh"
#include "support/cpu.hh"
#include "support/disk.hh"
#include "support/files.hh"

#include <gtest/gtest.h>

#include <sys/mman.h>
#include <sys/socket.h>

#include <memory>

namespace {

constexpr size_t size = 10000;

/* Something done to a file while its bytes are in a pipe. */
struct Change {
	const char *name;
	void (*make)(int fd);
	size_t at;     /* a byte that it changes ... */
	char now;      /* ... to this in the file */
	Content stock; /* do pages shared with a pipe show it? */

	friend void PrintTo(const Change &change, std::ostream *out) { *out << change.name; }
};

void overwrite(int fd)
{
	write_at(fd, 0, std::string(size, 'N'));
}

void store_through_mapping(int fd)
{
	Mapping mapping(mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), size);

	mapping.fill(std::string(size, 'N'));
}

void splice_over(int fd)
{
	Pipe stock = make_stock_pipe();
	off64_t offset = 0;

	put(stock.out(), std::string(size, 'N'));
	checked(::splice(stock.in(), nullptr, fd, &offset, size, 0), "splice into the file");
}

void punch_part_of_a_page(int fd)
{
	checked(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100, 1000),
		"punch a hole");
}

void truncate_within_a_page(int fd)
{
	checked(ftruncate(fd, 1000), "ftruncate");
	checked(ftruncate(fd, size), "ftruncate");
}

void truncate_and_write_again(int fd)
{
	checked(ftruncate(fd, 0), "ftruncate");
	overwrite(fd);
}

const Change changes[] = {
	{"written", overwrite, 5000, 'N', Content::changed},
	{"stored_to", store_through_mapping, 5000, 'N', Content::changed},
	{"spliced_to", splice_over, 5000, 'N', Content::changed},
	{"punched", punch_part_of_a_page, 500, '\0', Content::changed},
	{"truncated", truncate_within_a_page, 2000, '\0', Content::changed},
	/* The old pages leave the file whole, and the pipe is the last to have them. */
	{"replaced", truncate_and_write_again, 5000, 'N', Content::kept},
};

/* Ways to bring a file into a pipe. */
struct Entry {
	const char *name;
	Result (*fill)(int file, int pipe);

	friend void PrintTo(const Entry &entry, std::ostream *out) { *out << entry.name; }
};

const Entry entries[] = {
	{"splice", [](int file, int pipe) { return do_splice(file, pipe, size); }},
	{"splice_move",
	 [](int file, int pipe) { return do_splice(file, pipe, size, SPLICE_F_MOVE); }},
	{"sendfile", [](int file, int pipe) { return do_sendfile(pipe, file, size); }},
};

/* Ways out of it. */
struct Exit {
	const char *name;
	std::string (*drain)(const Pipe &pipe);

	friend void PrintTo(const Exit &exit, std::ostream *out) { *out << exit.name; }
};

std::string by_read(const Pipe &pipe)
{
	return get(pipe.in(), size);
}

std::string by_vmsplice(const Pipe &pipe)
{
	Mapping memory(size);

	EXPECT_EQ(do_vmsplice(pipe.in(), memory.view()), moved(size));
	return std::string(memory.view());
}

template <Kind kind>
std::string by_splice(const Pipe &pipe)
{
	Target target(kind);

	EXPECT_EQ(do_splice(pipe.in(), target.fd(), size), moved(size));
	return target.take(size);
}

const Exit exits[] = {
	{"read", by_read},
	{"vmsplice", by_vmsplice},
	{"to_file", by_splice<Kind::ext4>},
	{"to_tcp", by_splice<Kind::tcp>},
	{"to_stock_pipe", by_splice<Kind::stock_pipe>},
};

/* XFS zeroes part of a large folio, but drops single pages; RT kernels have no others. */
bool leaves_the_page(Kind kind, const Change &change)
{
	return change.stock == Content::kept ||
	       (kind == Kind::xfs && change.make == punch_part_of_a_page &&
		access("/sys/kernel/mm/transparent_hugepage", F_OK) != 0);
}

enum class State { clean, dirty };

void PrintTo(State state, std::ostream *out)
{
	*out << (state == State::clean ? "clean" : "dirty");
}

} // namespace

using Fate = std::tuple<Kind, State, Entry, Change>;

class FileInPipe : public testing::TestWithParam<Fate> {
protected:
	FileInPipe()
	{
		if (std::get<State>(GetParam()) == State::clean)
			checked(fsync(file.get()), "fsync");
	}

	const std::string original = pattern(size);
	Fd file = open_seekable(std::get<Kind>(GetParam()), original);
	Pipe pipe = make_pipe();
};

TEST_P(FileInPipe, StaysAsItWasUnlessThePagesAreShared)
{
	const Change &change = std::get<Change>(GetParam());
	const bool kept = leaves_the_page(std::get<Kind>(GetParam()), change);
	const Content content = kept ? Content::kept : expected().file_written;

	ASSERT_EQ(std::get<Entry>(GetParam()).fill(file.get(), pipe.out()), moved(size));
	change.make(file.get());
	ASSERT_EQ(read_at(file.get(), off64_t(change.at), 1)[0], change.now);

	std::string got = drain(pipe.in());

	ASSERT_EQ(got.size(), size);
	if (content == Content::kept)
		EXPECT_TRUE(same(got, original));
	else
		EXPECT_EQ(got[change.at], change.now);
}

INSTANTIATE_TEST_SUITE_P(D1, FileInPipe,
			 testing::Combine(testing::Values(Kind::ext4, Kind::xfs, Kind::tmpfs,
							  Kind::memfd),
					  testing::Values(State::clean, State::dirty),
					  testing::ValuesIn(entries), testing::ValuesIn(changes)));

class FileOutOfPipe : public testing::TestWithParam<Exit> {};

TEST_P(FileOutOfPipe, IsWhatWasPutInWhicheverWayItLeaves)
{
	const std::string original = pattern(size);
	File file(on_ext4, original);
	Pipe pipe = make_pipe();

	ASSERT_EQ(do_splice(file.fd(), pipe.out(), size), moved(size));
	overwrite(file.fd());
	EXPECT_TRUE(same(GetParam().drain(pipe), expected().file_written == Content::kept
							 ? original
							 : std::string(size, 'N')));
}

INSTANTIATE_TEST_SUITE_P(D1, FileOutOfPipe, testing::ValuesIn(exits),
			 testing::PrintToStringParamName());

TEST(FileInPipe, SurvivesTheFile)
{
	const std::string original = pattern(size);
	Pipe pipe = make_pipe();
	auto file = std::make_unique<File>(on_ext4, original);

	ASSERT_EQ(do_splice(file->fd(), pipe.out(), size), moved(size));
	file.reset(); /* unlinked and closed */

	/* Its blocks and pages go to somebody else. */
	File other(on_ext4, std::string(1 << 20, 'N'));

	EXPECT_TRUE(same(drain(pipe.in()), original));
}

TEST(Acceptance, WriteOldSpliceWriteNewReadGivesOld)
{
	File file(on_ext4, "old");
	Pipe pipe = make_pipe();

	ASSERT_EQ(do_splice(file.fd(), pipe.out(), 3), moved(3));
	file.write_at(0, "new");
	EXPECT_EQ(drain(pipe.in()), expected().file_written == Content::kept ? "old" : "new");
}

/* The corruption report of June 2023. */
struct Hole {
	const char *where;
	off64_t shift;       /* how far inside the range that has left the file */
	bool fills_in_place; /* zeros in the rest of a page, visible to all who share it */

	friend void PrintTo(const Hole &hole, std::ostream *out)
	{
		*out << hole.where << ", " << hole.shift << " bytes inside";
	}
};

class PunchingBehind : public testing::TestWithParam<Hole> {};

TEST_P(PunchingBehind, DoesNotReachBytesThatLeftTheFile)
{
	constexpr off64_t total = 32 << 20;
	constexpr size_t step = 1 << 20;
	const off64_t shift = GetParam().shift;
	File file(GetParam().where);
	Pipe pipe = make_pipe(0, step);
	const std::string ones(step, '\xff');
	size_t spoilt = 0;

	for (off64_t at = 0; at < total; at += step)
		file.write_at(at, ones);
	file.forget();
	for (off64_t at = 0; at < total;) {
		Result result = do_splice(file.fd(), pipe.out(), step);

		ASSERT_GT(result.value, 0);
		checked(fallocate(file.fd(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at + shift,
				  result.value - 2 * shift),
			"punch a hole");
		at += result.value;

		std::string got = drain(pipe.in());

		ASSERT_EQ(got.size(), result.bytes());
		spoilt += got != std::string_view(ones).substr(0, got.size());
	}
	if (expected().file_written == Content::kept) {
		EXPECT_EQ(spoilt, 0u);
	} else if (GetParam().fills_in_place) {
		EXPECT_EQ(spoilt, size_t(total) / step);
	}
}

INSTANTIATE_TEST_SUITE_P(D1, PunchingBehind,
			 testing::Values(Hole{on_ext4, 0, false}, Hole{on_xfs, 0, false},
					 Hole{on_ext4, 100, true}, Hole{on_xfs, 100, false}));

TEST(ReadError, ShowsAtTheCallThatReadsTheFile)
{
	constexpr size_t good = 16384;
	write_at(open_seekable(Kind::block, "").get(), 0, pattern(good));
	FaultyDisk disk(good, 65536);
	off64_t offset = 0;
	Pipe pipe = make_pipe();

	EXPECT_EQ(backend().splice(disk.fd(), &offset, pipe.out(), nullptr, default_capacity, 0),
		  moved(good));
	EXPECT_EQ(offset, off64_t(good));
	EXPECT_EQ(backend().splice(disk.fd(), &offset, pipe.out(), nullptr, 4096, 0), failed(EIO));
	EXPECT_EQ(offset, off64_t(good));
	EXPECT_TRUE(same(drain(pipe.in()), pattern(good)));
}

class TakenFile : public testing::TestWithParam<const char *> {
protected:
	TakenFile()
	{
		if (!backend().parameters().policy.empty())
			always = std::make_unique<Setting>(backend().parameters().policy, "always");
		file.forget();
		read_in();
		posix_fadvise(file.fd(), 0, 0, POSIX_FADV_NOREUSE);
		EXPECT_TRUE(eventually([&] { return cached(file.fd(), total) == total; }));
	}

	/* By nobody who has use for it, or may come back; in pieces, as readahead is limited. */
	void read_in()
	{
		for (size_t at = 0; at < total; at += 1 << 16)
			posix_fadvise(file.fd(), off64_t(at), 1 << 16, POSIX_FADV_WILLNEED);
	}

	void fill()
	{
		EXPECT_EQ(do_splice(file.fd(), pipe.out(), total, SPLICE_F_MOVE), moved(total));
	}

	static constexpr size_t total = 1 << 19;
	OnOneCpu cpu;
	std::unique_ptr<Setting> always;
	File file{GetParam(), pattern(total)};
	Pipe pipe = make_pipe(0, 2 * total);
};

TEST_P(TakenFile, LeavesTheCacheWhenItsPagesAreTaken)
{
	fill();
	if (expected().taken_page_leaves_cache)
		EXPECT_LE(cached(file.fd(), total), total / 4);
	else
		EXPECT_EQ(cached(file.fd(), total), total);
	EXPECT_TRUE(same(drain(pipe.in()), pattern(total)));
}

/* It would remain charged there, where nobody could reclaim it any more. */
TEST_P(TakenFile, StaysInTheCacheIfAnotherCgroupPaysForIt)
{
	Cgroup other;

	file.forget();
	EXPECT_EQ(in_child([&] {
			  other.enter();
			  read_in();
		  }),
		  "");
	EXPECT_TRUE(eventually([&] { return cached(file.fd(), total) == total; }));
	fill();
	EXPECT_EQ(cached(file.fd(), total), total);
	EXPECT_TRUE(same(drain(pipe.in()), pattern(total)));
}

TEST_P(TakenFile, IsReadAgainByTheNextReader)
{
	fill();
	EXPECT_TRUE(same(file.read_at(0, total), pattern(total)));
	EXPECT_TRUE(same(drain(pipe.in()), pattern(total)));
}

TEST_P(TakenFile, KeepsWhatWasWrittenToItMeanwhile)
{
	file.write_at(5000, "not yet on the disk");
	fill();
	EXPECT_EQ(file.read_at(5000, 19), "not yet on the disk");
	EXPECT_EQ(drain(pipe.in()).substr(5000, 19), "not yet on the disk");
}

/* What a socket doesn't take is dropped by the pipe of sendfile(), and wanted again. */
TEST_P(TakenFile, StaysInTheCacheWhenASocketTakesOnlyAPart)
{
	Connection connection = connect_kind(Kind::unix_stream, true);
	const int smallest = 1;

	checked(fcntl(connection.near.get(), F_SETFL, O_NONBLOCK), "O_NONBLOCK");
	checked(setsockopt(connection.near.get(), SOL_SOCKET, SO_SNDBUF, &smallest,
			   sizeof(smallest)),
		"SO_SNDBUF");
	EXPECT_LT(do_sendfile(connection.near.get(), file.fd(), total).value, int64_t(total));
	EXPECT_EQ(cached(file.fd(), total), total);
}

INSTANTIATE_TEST_SUITE_P(D6, TakenFile, testing::Values(on_ext4, on_xfs));
