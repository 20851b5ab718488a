// SPDX-License-Identifier: GPL-2.0
/* Refusals by the target of a splice, and the events that watchers of files get. */
#include "pipe/kinds.hh"
#include "pipe/signals.hh"
#include "support/files.hh"
#include "support/notify.hh"

#include <gtest/gtest.h>

#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

namespace {

/* RLIMIT_FSIZE of this process, for a while. */
class FileSizeLimit {
public:
	explicit FileSizeLimit(rlim_t bytes)
	{
		getrlimit(RLIMIT_FSIZE, &old_);

		rlimit limit = {bytes, old_.rlim_max};

		checked(setrlimit(RLIMIT_FSIZE, &limit), "RLIMIT_FSIZE");
	}
	~FileSizeLimit() { setrlimit(RLIMIT_FSIZE, &old_); }
	FileSizeLimit(const FileSizeLimit &) = delete;
	FileSizeLimit &operator=(const FileSizeLimit &) = delete;

private:
	rlimit old_;
};

/* A file system that is full after @bytes. */
class SmallFileSystem {
public:
	explicit SmallFileSystem(size_t bytes) : path_(required_env(on_tmpfs) + "/small")
	{
		std::string options = "size=" + std::to_string(bytes);

		mkdir(path_.c_str(), 0700);
		checked(mount("tmpfs", path_.c_str(), "tmpfs", 0, options.c_str()), "mount tmpfs");
		file = Fd(open((path_ + "/file").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600),
			  "create a file");
	}
	~SmallFileSystem()
	{
		file.reset();
		umount2(path_.c_str(), MNT_DETACH);
		rmdir(path_.c_str());
	}
	SmallFileSystem(const SmallFileSystem &) = delete;
	SmallFileSystem &operator=(const SmallFileSystem &) = delete;

	Fd file;

private:
	std::string path_;
};

Fd sealed(int seals, std::string_view contents)
{
	Fd fd = open_seekable(Kind::memfd, contents);

	checked(fcntl(fd.get(), F_ADD_SEALS, seals), "F_ADD_SEALS");
	return fd;
}

} // namespace

class SpliceRefusal : public testing::Test {
protected:
	SpliceRefusal() { put(pipe.out(), bytes); }

	/* Splices until the target refuses; returns the bytes that it took. */
	size_t splice_until(int target, int error)
	{
		size_t taken = 0;
		Result result = {};

		while ((result = do_splice(pipe.in(), target, bytes.size())).value > 0)
			taken += result.bytes();
		EXPECT_EQ(result, failed(error));
		return taken;
	}

	/* The bytes are in the target or still in the pipe, and in neither twice. */
	void expect_split_at(size_t taken, int target)
	{
		EXPECT_TRUE(same(read_at(target, 0, bytes.size()), bytes.substr(0, taken)));
		EXPECT_TRUE(same(drain(pipe.in()), bytes.substr(taken)));
	}

	const std::string bytes = pattern(40000);
	Pipe pipe = make_pipe();
};

TEST_F(SpliceRefusal, TheFileSizeLimitIsEfbigWithSigxfsz)
{
	CatchSignal sigxfsz(SIGXFSZ);
	File file(on_ext4);
	FileSizeLimit limit(10000);
	size_t taken = splice_until(file.fd(), EFBIG);

	EXPECT_EQ(taken, 10000u);
	EXPECT_TRUE(was_sent(sigxfsz));
	expect_split_at(taken, file.fd());
}

TEST_F(SpliceRefusal, AMemfdSealedAgainstWritingIsEperm)
{
	Fd memfd = sealed(F_SEAL_WRITE, "");

	EXPECT_EQ(splice_until(memfd.get(), EPERM), 0u);
	expect_split_at(0, memfd.get());
}

TEST_F(SpliceRefusal, AMemfdSealedAgainstGrowingIsEpermBehindItsEnd)
{
	Fd memfd = sealed(F_SEAL_GROW, std::string(8192, 'x'));

	EXPECT_EQ(do_splice(pipe.in(), memfd.get(), 8192), moved(8192));
	EXPECT_EQ(splice_until(memfd.get(), EPERM), 0u);
	expect_split_at(8192, memfd.get());
}

TEST_F(SpliceRefusal, AFullFileSystemIsEnospc)
{
	SmallFileSystem small(16384);
	size_t taken = splice_until(small.file.get(), ENOSPC);

	EXPECT_EQ(taken, 16384u);
	expect_split_at(taken, small.file.get());
}

TEST_F(SpliceRefusal, TheEndOfADeviceIsEnospc)
{
	Fd disk = open_seekable(Kind::block, "");
	off64_t end = lseek64(disk.get(), 0, SEEK_END);
	off64_t offset = end - 10000;

	EXPECT_EQ(backend().splice(pipe.in(), nullptr, disk.get(), &offset, bytes.size(), 0),
		  moved(10000));
	EXPECT_EQ(offset, end);
	EXPECT_EQ(backend().splice(pipe.in(), nullptr, disk.get(), &offset, bytes.size(), 0),
		  failed(ENOSPC));
	EXPECT_TRUE(same(read_at(disk.get(), end - 10000, 10000), bytes.substr(0, 10000)));
	EXPECT_TRUE(same(drain(pipe.in()), bytes.substr(10000)));
}

TEST_F(SpliceRefusal, SendfileIsRefusedAsSpliceIs)
{
	File source(on_ext4, bytes);
	Fd memfd = sealed(F_SEAL_WRITE, "");
	EXPECT_EQ(do_sendfile(memfd.get(), source.fd(), bytes.size()), failed(EPERM));
	EXPECT_EQ(source.position(), 0);
}

TEST_F(SpliceRefusal, SendfileStopsAtTheFileSizeLimit)
{
	CatchSignal sigxfsz(SIGXFSZ);
	File source(on_ext4, bytes);
	File file(on_tmpfs);
	FileSizeLimit limit(10000);

	EXPECT_EQ(do_sendfile(file.fd(), source.fd(), bytes.size()), moved(10000));
	EXPECT_EQ(do_sendfile(file.fd(), source.fd(), bytes.size()), failed(EFBIG));
	EXPECT_EQ(source.position(), 10000);
	EXPECT_TRUE(same(file.read_at(0, 20000), bytes.substr(0, 10000)));
}

/*
 * A socket is charged for a packet after it was filled, so one packet may exceed the limit. TCP
 * limits a packet to 64 KiB, whatever it is made of.
 */
class SmallSendBuffer : public testing::Test {
protected:
	static constexpr size_t packet = 17 * page_size; // MAX_SKB_FRAGS
	static constexpr unsigned capacity = 1 << 20;
	Connection to = connect_kind(Kind::unix_stream, true);

	void SetUp() override
	{
		const int smallest = 0;

		checked(setsockopt(to.near.get(), SOL_SOCKET, SO_SNDBUF, &smallest,
				   sizeof(smallest)),
			"SO_SNDBUF");
		set_status_flag(to.near.get(), O_NONBLOCK);
	}
};

TEST_F(SmallSendBuffer, TakesOnePacketOfSinglePagesAtTheMost)
{
	Pipe pipe = make_pipe(0, capacity);

	put(pipe.out(), pattern(capacity));

	Result taken = do_splice(pipe.in(), to.near.get(), capacity);

	EXPECT_GT(taken.value, 0);
	EXPECT_LE(taken.bytes(), packet);
}

/* A file that is written at once is in large folios where the kernel has them. */
TEST_F(SmallSendBuffer, TakesNoMoreOfAFile)
{
	File file(on_xfs, pattern(capacity));
	Result taken = do_sendfile(to.near.get(), file.fd(), capacity);

	EXPECT_GT(taken.value, 0);
	EXPECT_LE(taken.bytes(), packet);
	EXPECT_EQ(file.position(), taken.value);
}

/* Watchers of a file get an event after something has moved, and only then. */
class SpliceWatched : public testing::TestWithParam<const char *> {};

TEST_P(SpliceWatched, TheSourceIsAccessed)
{
	File file(GetParam(), "abc");
	Notify watch(file.path(), IN_ACCESS | IN_MODIFY);
	Pipe pipe = make_pipe();

	EXPECT_EQ(do_splice(file.fd(), pipe.out(), 3), moved(3));
	EXPECT_EQ(watch.events(), uint32_t(IN_ACCESS));
	EXPECT_EQ(do_splice(file.fd(), pipe.out(), 3), moved(0));
	EXPECT_EQ(watch.events(), 0u);
}

TEST_P(SpliceWatched, TheTargetIsModified)
{
	File file(GetParam());
	Notify watch(file.path(), IN_ACCESS | IN_MODIFY);
	Pipe pipe = make_pipe();

	put(pipe.out(), "abc");
	EXPECT_EQ(do_splice(pipe.in(), file.fd(), 3), moved(3));
	EXPECT_EQ(watch.events(), uint32_t(IN_MODIFY));
	EXPECT_EQ(do_splice(pipe.in(), file.fd(), 3, SPLICE_F_NONBLOCK), failed(EAGAIN));
	EXPECT_EQ(watch.events(), 0u);
}

TEST_P(SpliceWatched, SendfileAccessesAndModifies)
{
	File source(GetParam(), "abc");
	File target(GetParam());
	Notify watch_source(source.path(), IN_ACCESS | IN_MODIFY);
	Notify watch_target(target.path(), IN_ACCESS | IN_MODIFY);

	EXPECT_EQ(do_sendfile(target.fd(), source.fd(), 100), moved(3));
	EXPECT_EQ(watch_source.events(), uint32_t(IN_ACCESS));
	EXPECT_EQ(watch_target.events(), uint32_t(IN_MODIFY));
}

TEST_P(SpliceWatched, TheTargetsTimesChange)
{
	File file(GetParam());
	Pipe pipe = make_pipe();
	const timespec long_ago[] = {{1000, 0}, {1000, 0}};
	struct stat status;

	checked(futimens(file.fd(), long_ago), "futimens");
	put(pipe.out(), "abc");
	EXPECT_EQ(do_splice(pipe.in(), file.fd(), 3), moved(3));
	checked(fstat(file.fd(), &status), "fstat");
	EXPECT_GT(status.st_mtim.tv_sec, 1000);
}

INSTANTIATE_TEST_SUITE_P(FileSystems, SpliceWatched, testing::Values(on_ext4, on_xfs, on_tmpfs));
