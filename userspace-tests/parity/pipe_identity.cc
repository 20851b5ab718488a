// SPDX-License-Identifier: GPL-2.0
/* A pipe end as the rest of the system sees it: mode, flags, copies and other openers. */
#include "pipe/pipe.hh"
#include "support/async.hh"
#include "support/child.hh"

#include <gtest/gtest.h>

#include <sys/resource.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

namespace {

/* Opens the file behind @fd once more. */
Fd open_again(int fd, int flags)
{
	std::string path = "/proc/self/fd/" + std::to_string(fd);

	return Fd(open(path.c_str(), flags | O_CLOEXEC), "open " + path);
}

} // namespace

TEST(PipeIdentity, FstatSaysFifo)
{
	Pipe pipe = make_pipe();

	for (int end : {pipe.in(), pipe.out()}) {
		struct stat status;

		ASSERT_EQ(fstat(end, &status), 0);
		EXPECT_TRUE(S_ISFIFO(status.st_mode));
		EXPECT_EQ(status.st_uid, geteuid());
		EXPECT_EQ(status.st_nlink, 1u);
	}
}

TEST(PipeIdentity, BothEndsAreOneInodeAndTwoPipesAreTwo)
{
	Pipe pipe = make_pipe();
	Pipe other = make_pipe();
	struct stat in, out, elsewhere;

	fstat(pipe.in(), &in);
	fstat(pipe.out(), &out);
	fstat(other.in(), &elsewhere);
	EXPECT_EQ(in.st_ino, out.st_ino);
	EXPECT_NE(in.st_ino, elsewhere.st_ino);
}

TEST(PipeIdentity, ProcShowsTheInodeInTheName)
{
	Pipe pipe = make_pipe();
	struct stat status;

	ASSERT_EQ(fstat(pipe.in(), &status), 0);
	for (int end : {pipe.in(), pipe.out()}) {
		const std::string name =
			std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(end));

		// Of a stock pipe that is all; a private one says so before.
		EXPECT_TRUE(name.ends_with("pipe:[" + std::to_string(status.st_ino) + "]")) << name;
	}
}

TEST(PipeIdentity, FlagsOfCreationAreTheFlagsOfTheEnds)
{
	Pipe plain = make_pipe();
	Pipe special = make_pipe(O_CLOEXEC | O_NONBLOCK);
	const int interesting = O_ACCMODE | O_NONBLOCK | O_DIRECT | O_APPEND;

	EXPECT_EQ(fcntl(plain.in(), F_GETFL) & interesting, O_RDONLY);
	EXPECT_EQ(fcntl(plain.out(), F_GETFL) & interesting, O_WRONLY);
	EXPECT_EQ(fcntl(plain.in(), F_GETFD), 0);
	for (int end : {special.in(), special.out()}) {
		EXPECT_TRUE(fcntl(end, F_GETFL) & O_NONBLOCK);
		EXPECT_EQ(fcntl(end, F_GETFD), FD_CLOEXEC);
	}
}

TEST(PipeIdentity, PacketModeIsAFlagOfTheWriteEndOnly)
{
	Pipe pipe = make_pipe(O_DIRECT);

	EXPECT_TRUE(fcntl(pipe.out(), F_GETFL) & O_DIRECT);
	EXPECT_FALSE(fcntl(pipe.in(), F_GETFL) & O_DIRECT);
}

TEST(PipeIdentity, UnknownFlagsOfCreationAreEinval)
{
	std::array<int, 2> ends;

	for (int flag : {O_APPEND, O_RDWR, O_TRUNC, 1 << 30})
		EXPECT_EQ(backend().create(ends, flag, 0), failed(EINVAL)) << flag;
}

TEST(PipeIdentity, APipeCannotSeekNorBeSizedAsAFile)
{
	Pipe pipe = make_pipe();
	char byte = 'x';

	EXPECT_EQ(result_of(lseek(pipe.in(), 0, SEEK_CUR)), failed(ESPIPE));
	EXPECT_EQ(result_of(pread(pipe.in(), &byte, 1, 0)), failed(ESPIPE));
	EXPECT_EQ(result_of(pwrite(pipe.out(), &byte, 1, 0)), failed(ESPIPE));
	EXPECT_EQ(result_of(ftruncate(pipe.out(), 0)), failed(EINVAL));
	EXPECT_EQ(result_of(fallocate(pipe.out(), 0, 0, 1)), failed(ESPIPE));
	EXPECT_EQ(result_of(fsync(pipe.out())), failed(EINVAL));
}

TEST(PipeIdentity, TooManyDescriptorsIsEmfileAndLeavesNone)
{
	EXPECT_EQ(in_child([] {
			  std::array<int, 2> ends = {-1, -1};

			  make_pipe(); /* now the backend has opened its own descriptors */

			  int next = dup(0);
			  rlimit limit = {static_cast<rlim_t>(next + 1),
					  static_cast<rlim_t>(next + 1)};

			  close(next);
			  setrlimit(RLIMIT_NOFILE, &limit); /* room for one */
			  require(backend().create(ends, 0, 0) == failed(EMFILE), "not EMFILE");
			  require(dup(0) == next, "a descriptor was left behind");
		  }),
		  "");
}

TEST(PipeIdentity, ReopeningTheReadEndGivesAnotherReader)
{
	Pipe pipe = make_pipe();
	Fd again = open_again(pipe.in(), O_RDONLY);

	put(pipe.out(), "abc");
	pipe.read_end.reset();
	put(pipe.out(), "def"); /* there is still a reader */
	EXPECT_EQ(drain(again.get()), "abcdef");
}

TEST(PipeIdentity, ReopeningEitherEndForWritingGivesAnotherWriter)
{
	Pipe pipe = make_pipe();
	Fd again = open_again(pipe.in(), O_WRONLY);
	std::string buffer(10, '\0');

	pipe.write_end.reset();
	put(again.get(), "abc");
	EXPECT_EQ(drain(pipe.in()), "abc");
	set_status_flag(pipe.in(), O_NONBLOCK);
	EXPECT_EQ(backend().read(pipe.in(), buffer.data(), 10), failed(EAGAIN));
	again.reset();
	EXPECT_EQ(backend().read(pipe.in(), buffer.data(), 10), moved(0));
}

TEST(PipeIdentity, AnEndReopenedForBothReadsAndWrites)
{
	Pipe pipe = make_pipe();
	Fd both = open_again(pipe.out(), O_RDWR);

	pipe.read_end.reset();
	pipe.write_end.reset();
	put(both.get(), "abc");
	EXPECT_EQ(drain(both.get()), "abc");
}

TEST(PipeIdentity, TheContentGoesWithTheLastCloseWhoeverHoldsTheInode)
{
	Pipe pipe = make_pipe(O_NONBLOCK, 16 * page_size);
	Fd path = open_again(pipe.in(), O_PATH);
	std::string buffer(10, '\0');

	put(pipe.out(), pattern(16 * page_size));
	pipe.read_end.reset();
	/* Others may still read it while there is a writer. */
	EXPECT_EQ(unread(pipe.out()), 16 * page_size);
	pipe.write_end.reset();

	Fd reader = open_again(path.get(), O_RDONLY | O_NONBLOCK);

	EXPECT_EQ(unread(reader.get()), 0u);
	EXPECT_EQ(backend().read(reader.get(), buffer.data(), 10), moved(0));

	Fd writer = open_again(path.get(), O_WRONLY);

	put(writer.get(), "abc");
	EXPECT_EQ(drain(reader.get()), "abc");
}

TEST(PipeIdentity, EndOfFileWaitsForTheLastCopyOfTheWriteEnd)
{
	Pipe pipe = make_pipe();
	Fd copy(dup(pipe.out()));
	std::string buffer(10, '\0');

	pipe.write_end.reset();

	Async reading{[&] { return backend().read(pipe.in(), buffer.data(), 10); }};

	EXPECT_TRUE(reading.waits());
	copy.reset();
	EXPECT_EQ(reading.get(), moved(0));
}

TEST(PipeIdentity, AChildWritesToWhatItInherited)
{
	Pipe pipe = make_pipe();

	EXPECT_EQ(in_child([&] { put(pipe.out(), "from the child"); }), "");
	EXPECT_EQ(drain(pipe.in()), "from the child");
}

TEST(PipeIdentity, TheDeathOfTheLastWriterIsTheEndOfTheFile)
{
	Pipe pipe = make_pipe();

	EXPECT_EQ(in_child([&] {
			  put(pipe.out(), "last words");
			  _exit(0);
		  }),
		  "");
	pipe.write_end.reset();
	EXPECT_EQ(get(pipe.in(), 100), "last words");
}
