// SPDX-License-Identifier: GPL-2.0
/* sendfile: from files with offsets to everything. */
#include "pipe/kinds.hh"
#include "pipe/signals.hh"
#include "support/async.hh"
#include "support/files.hh"
#include "support/oddities.hh"

#include <gtest/gtest.h>

#include <sys/socket.h>

#include <climits>
#include <cstdint>

namespace {

class SendfileErrors : public testing::Test {
protected:
	~SendfileErrors() override
	{
		EXPECT_EQ(file.position(), 0);
		EXPECT_EQ(target.size(), 0);
	}

	File file{on_ext4, "contents"};
	File target{on_tmpfs};
	off64_t offset = 0;
	off64_t *bad = static_cast<off64_t *>(nowhere());
};

} // namespace

TEST_F(SendfileErrors, ABadDescriptorIsEbadf)
{
	EXPECT_EQ(do_sendfile(target.fd(), -1, 1), failed(EBADF));
	EXPECT_EQ(do_sendfile(-1, file.fd(), 1), failed(EBADF));
	EXPECT_EQ(do_sendfile(INT_MAX, INT_MAX, 1), failed(EBADF));
}

TEST_F(SendfileErrors, TheWrongModeIsEbadf)
{
	EXPECT_EQ(do_sendfile(target.fd(), file.reopen(O_WRONLY).get(), 1), failed(EBADF));
	EXPECT_EQ(do_sendfile(target.reopen(O_RDONLY).get(), file.fd(), 1), failed(EBADF));
	EXPECT_EQ(do_sendfile(target.reopen(O_PATH).get(), file.fd(), 1), failed(EBADF));
}

TEST_F(SendfileErrors, AnInputThatCannotSeekIsEinvalOrEspipeWithAnOffset)
{
	for (Kind kind : stream_kinds) {
		Connection connection = connect_kind(kind, false);
		int in = connection.near.get();

		EXPECT_EQ(do_sendfile(target.fd(), in, 1), failed(EINVAL)) << kind_name(kind);
		EXPECT_EQ(backend().sendfile(target.fd(), in, &offset, 1), failed(ESPIPE))
			<< kind_name(kind);
	}
}

TEST_F(SendfileErrors, ANegativeOffsetOrCountIsEinval)
{
	EXPECT_EQ(do_sendfile(target.fd(), file.fd(), size_t(SSIZE_MAX) + 1), failed(EINVAL));
	EXPECT_EQ(do_sendfile(target.fd(), file.fd(), SIZE_MAX), failed(EINVAL));
	for (off64_t negative : {off64_t(-1), off64_t(INT64_MIN)}) {
		offset = negative;
		EXPECT_EQ(backend().sendfile(target.fd(), file.fd(), &offset, 1), failed(EINVAL));
		EXPECT_EQ(offset, negative);
	}
}

TEST_F(SendfileErrors, AnOffsetBeyondTheLargestFileIsEoverflow)
{
	offset = int64_t(1) << 62;
	EXPECT_EQ(backend().sendfile(target.fd(), file.fd(), &offset, 1), failed(EOVERFLOW));
}

TEST_F(SendfileErrors, AnOffsetThatOverflowsWithTheCountIsEinval)
{
	offset = INT64_MAX;
	EXPECT_EQ(backend().sendfile(target.fd(), file.fd(), &offset, 1), failed(EINVAL));
}

TEST_F(SendfileErrors, AnOffsetThatCannotBeReadIsEfault)
{
	EXPECT_EQ(backend().sendfile(target.fd(), file.fd(), bad, 1), failed(EFAULT));
}

TEST_F(SendfileErrors, AnOutputOpenedForAppendingIsEinval)
{
	EXPECT_EQ(do_sendfile(target.reopen(O_WRONLY | O_APPEND).get(), file.fd(), 1),
		  failed(EINVAL));
}

TEST_F(SendfileErrors, WhatKnowsNoSpliceIsEinval)
{
	Fd dev_full(open("/dev/full", O_RDWR | O_CLOEXEC), "open /dev/full");

	EXPECT_EQ(do_sendfile(dev_full.get(), file.fd(), 1), failed(EINVAL));
	for (const Oddity &oddity : unspliceable())
		EXPECT_EQ(do_sendfile(target.fd(), oddity.fd.get(), 1), failed(EINVAL))
			<< oddity.name;
}

TEST_F(SendfileErrors, TheOffsetIsWrittenBackEvenOnAnError)
{
	Mapping memory(page_size);
	auto *read_only = reinterpret_cast<off64_t *>(memory.data());

	memory.protect_from_writes();
	EXPECT_EQ(backend().sendfile(-1, file.fd(), read_only, 1), failed(EFAULT));
}

TEST(SendfileToPipe, AppendingToAPipeIsNothingSpecial)
{
	File file(on_ext4, "contents");
	Pipe pipe = make_pipe();

	set_status_flag(pipe.out(), O_APPEND);
	EXPECT_EQ(do_sendfile(pipe.out(), file.fd(), 8), moved(8));
	EXPECT_EQ(drain(pipe.in()), "contents");
}

TEST(SendfileToPipe, FillsThePagesThereAreInOnePass)
{
	File file(on_ext4, pattern(100000));
	Pipe pipe = make_pipe();
	off64_t offset = 100;
	const size_t count = default_capacity - 100;

	EXPECT_EQ(backend().sendfile(pipe.out(), file.fd(), &offset, 100000), moved(count));
	EXPECT_EQ(offset, static_cast<off64_t>(100 + count));
	EXPECT_TRUE(same(drain(pipe.in()), pattern(count, 100)));
}

TEST(SendfileToPipe, AFullNonblockingPipeIsEagain)
{
	File file(on_ext4, "contents");
	Pipe pipe = make_pipe();

	fill(pipe);
	set_status_flag(pipe.out(), O_NONBLOCK);
	EXPECT_EQ(do_sendfile(pipe.out(), file.fd(), 8), failed(EAGAIN));
	EXPECT_EQ(file.position(), 0);
}

TEST(SendfileToPipe, WithoutAReaderIsEpipeWithSigpipe)
{
	CatchSignal sigpipe(SIGPIPE);
	File file(on_ext4, "contents");
	Pipe pipe = make_pipe();

	pipe.read_end.reset();
	EXPECT_EQ(do_sendfile(pipe.out(), file.fd(), 8), failed(EPIPE));
	EXPECT_TRUE(was_sent(sigpipe));
	EXPECT_EQ(file.position(), 0);
}

TEST(SendfileToPipe, ASocketIsASourceForAPipe)
{
	Connection tcp = connect_kind(Kind::tcp, false);
	Pipe pipe = make_pipe();

	put(tcp.far.get(), "abc");
	EXPECT_EQ(do_sendfile(pipe.out(), tcp.near.get(), 3), moved(3));
	EXPECT_EQ(drain(pipe.in()), "abc");
}

using Route = std::tuple<Kind, Kind, size_t>; /* source, target, bytes */

class Sendfile : public testing::TestWithParam<Route> {
protected:
	size_t size() const { return std::get<2>(GetParam()); }

	/* As many calls as it takes: a pipe takes no more than it has room for. */
	template <class F>
	void send_all(F once)
	{
		for (size_t done = 0; done < size();) {
			Result result = once(done, size() - done);

			ASSERT_GT(result.value, 0);
			done += result.bytes();
		}
	}

	static constexpr size_t start = 4099;
	Fd source = open_seekable(std::get<0>(GetParam()), pattern(start + size()));
	Target target{std::get<1>(GetParam())};
};

TEST_P(Sendfile, SendsFromTheOffsetAndAdvancesIt)
{
	off64_t offset = start;

	send_all([&](size_t, size_t left) {
		return backend().sendfile(target.fd(), source.get(), &offset, left);
	});
	EXPECT_EQ(offset, static_cast<off64_t>(start + size()));
	EXPECT_EQ(lseek64(source.get(), 0, SEEK_CUR), 0);
	EXPECT_TRUE(same(target.take(size()), pattern(size(), start)));
}

TEST_P(Sendfile, SendsFromThePositionAndAdvancesIt)
{
	lseek64(source.get(), start, SEEK_SET);
	send_all([&](size_t done, size_t left) {
		EXPECT_EQ(lseek64(source.get(), 0, SEEK_CUR), static_cast<off64_t>(start + done));
		return do_sendfile(target.fd(), source.get(), left);
	});
	EXPECT_EQ(lseek64(source.get(), 0, SEEK_CUR), static_cast<off64_t>(start + size()));
	EXPECT_TRUE(same(target.take(size()), pattern(size(), start)));
}

INSTANTIATE_TEST_SUITE_P(
	Files, Sendfile,
	testing::Combine(testing::Values(Kind::ext4, Kind::xfs, Kind::tmpfs, Kind::memfd,
					 Kind::sealed_memfd),
			 testing::ValuesIn(std::vector{Kind::ext4, Kind::xfs, Kind::tmpfs,
						       Kind::memfd, Kind::tcp, Kind::unix_stream} +
					   pipe_kinds),
			 testing::Values(1, 4096, 4097, 300001)));
INSTANTIATE_TEST_SUITE_P(Datagrams, Sendfile,
			 testing::Combine(testing::Values(Kind::ext4), testing::Values(Kind::udp),
					  testing::Values(1, 4097, 40000)));
INSTANTIATE_TEST_SUITE_P(Disk, Sendfile,
			 testing::Combine(testing::Values(Kind::block), testing::Values(Kind::tcp),
					  testing::Values(4097, 300001)));
INSTANTIATE_TEST_SUITE_P(ToDisk, Sendfile,
			 testing::Combine(testing::Values(Kind::ext4), testing::Values(Kind::block),
					  testing::Values(4097, 300001)));

TEST(SendfileToFile, WritesAtThePositionOfTheTargetAndAdvancesIt)
{
	File source(on_ext4, pattern(10000));
	File target(on_xfs);

	lseek64(target.fd(), 5000, SEEK_SET);
	EXPECT_EQ(do_sendfile(target.fd(), source.fd(), 10000), moved(10000));
	EXPECT_EQ(target.position(), 15000);
	EXPECT_TRUE(same(target.read_at(5000, 20000), pattern(10000)));
}

TEST(SendfileToFile, CopiesWithinAFile)
{
	File file(on_ext4, pattern(10000));
	off64_t offset = 0;

	lseek64(file.fd(), 10000, SEEK_SET);
	EXPECT_EQ(backend().sendfile(file.fd(), file.fd(), &offset, 10000), moved(10000));
	EXPECT_TRUE(same(file.read_at(0, 30000), pattern(10000) + pattern(10000)));
}

TEST(SendfileToFile, NothingIsZero)
{
	File source(on_ext4, "contents");
	File target(on_xfs);

	EXPECT_EQ(do_sendfile(target.fd(), source.fd(), 0), moved(0));
	EXPECT_EQ(target.size(), 0);
}

TEST(Sendfile, NothingOfWhatCannotBeSplicedIsZeroAsWell)
{
	Fd null(open("/dev/null", O_RDONLY | O_CLOEXEC));
	File target(on_tmpfs);
	Pipe pipe = make_pipe();

	EXPECT_EQ(do_sendfile(target.fd(), null.get(), 0), moved(0));
	EXPECT_EQ(do_sendfile(pipe.out(), null.get(), 0), moved(0));
	EXPECT_EQ(do_sendfile(target.fd(), null.get(), 1), failed(EINVAL));
	EXPECT_EQ(do_sendfile(pipe.out(), null.get(), 1), failed(EINVAL));
}

TEST(SendfileToFile, WhatIsLeftIsAShortCountAndTheEndIsZero)
{
	File source(on_ext4, pattern(5000));
	File target(on_xfs);
	off64_t offset = 4000;

	EXPECT_EQ(backend().sendfile(target.fd(), source.fd(), &offset, 5000), moved(1000));
	EXPECT_EQ(offset, 5000);
	EXPECT_EQ(backend().sendfile(target.fd(), source.fd(), &offset, 5000), moved(0));
	EXPECT_EQ(offset, 5000);
	offset = 6000;
	EXPECT_EQ(backend().sendfile(target.fd(), source.fd(), &offset, 5000), moved(0));
}

TEST(SendfileToFile, OneCallMovesNoMoreThanMaxRwCount)
{
	constexpr size_t max_rw_count = 0x7ffff000;
	File source(on_tmpfs);
	Fd null = open_seekable(Kind::null, "");

	checked(ftruncate64(source.fd(), int64_t(3) << 30), "ftruncate");
	EXPECT_EQ(do_sendfile(null.get(), source.fd(), SSIZE_MAX), moved(max_rw_count));
	EXPECT_EQ(source.position(), off64_t(max_rw_count));
}

TEST(SendfileToSocket, ADatagramIsSentWhole)
{
	Connection udp = connect_kind(Kind::udp, true);
	File file(on_ext4, pattern(9000));
	std::string buffer(20000, '\0');

	EXPECT_EQ(do_sendfile(udp.near.get(), file.fd(), 9000), moved(9000));
	EXPECT_EQ(result_of(read(udp.far.get(), buffer.data(), buffer.size())), moved(9000));
	EXPECT_TRUE(same(std::string_view(buffer).substr(0, 9000), pattern(9000)));
}

TEST(SendfileToSocket, AnEarlyEndOfTheFileIsNotHeldBack)
{
	Connection udp = connect_kind(Kind::udp, true);
	File file(on_ext4, pattern(5000));
	std::string buffer(20000, '\0');

	EXPECT_EQ(do_sendfile(udp.near.get(), file.fd(), 9000), moved(5000));
	EXPECT_EQ(result_of(recv(udp.far.get(), buffer.data(), buffer.size(), MSG_DONTWAIT)),
		  moved(5000));
}

class SendfileToStream : public testing::TestWithParam<Kind> {};

TEST_P(SendfileToStream, ANonblockingSocketTakesWhatFitsAndThenSaysEagain)
{
	Connection connection = connect_kind(GetParam(), true);
	const std::string bytes = pattern(16 << 20);
	File file(on_tmpfs, bytes);
	off64_t offset = 0;
	size_t sent = 0;
	Result result;

	set_status_flag(connection.near.get(), O_NONBLOCK);
	do {
		result = backend().sendfile(connection.near.get(), file.fd(), &offset,
					    bytes.size() - sent);
		sent += result.bytes();
		ASSERT_EQ(offset, static_cast<off64_t>(sent));
	} while (result.value > 0);
	EXPECT_EQ(result, failed(EAGAIN));
	EXPECT_GT(sent, 0u);

	std::string got = get(connection.far.get(), sent);

	EXPECT_TRUE(same(got, std::string_view(bytes).substr(0, sent)));
}

TEST_P(SendfileToStream, APeerThatHasGoneIsEpipeWithSigpipe)
{
	CatchSignal sigpipe(SIGPIPE);
	Connection connection = connect_kind(GetParam(), true);
	File file(on_ext4, "contents");

	shutdown(connection.near.get(), SHUT_WR);
	EXPECT_EQ(do_sendfile(connection.near.get(), file.fd(), 8), failed(EPIPE));
	EXPECT_TRUE(was_sent(sigpipe));
	EXPECT_EQ(file.position(), 0);
}

INSTANTIATE_TEST_SUITE_P(Kinds, SendfileToStream, testing::Values(Kind::tcp, Kind::unix_stream),
			 testing::PrintToStringParamName());
