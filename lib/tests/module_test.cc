// SPDX-License-Identifier: MIT
// The library on top of the module: that each call does what it says, not how the module does it.
// Runs where the module is loaded.

#include <privpipe/privpipe.hpp>

#include <algorithm>
#include <array>
#include <csignal>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace privpipe;

namespace {

using Bytes = std::vector<std::byte>;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

// Bytes that differ by position.
Bytes pattern(std::size_t size)
{
	Bytes bytes(size);

	for (std::size_t i = 0; i < size; i++)
		bytes[i] = std::byte(i * 31 + i / 4096);
	return bytes;
}

class Library : public testing::Test {
protected:
	void SetUp() override
	{
		std::signal(SIGPIPE, SIG_IGN);
		ASSERT_TRUE(device) << device.error().message();
	}

	[[nodiscard]] Pipe create(CreateFlags flags = CreateFlags::cloexec,
				  std::uint32_t capacity = 0) const
	{
		return std::move(device->create(flags, capacity).value());
	}

	static Fd memory_file(std::span<const std::byte> content)
	{
		Fd file(::memfd_create("test", MFD_CLOEXEC));
		EXPECT_EQ(::pwrite(file.get(), content.data(), content.size(), 0),
			  ssize_t(content.size()));
		return file;
	}

	static Bytes content_of(const Fd &file, std::size_t size)
	{
		Bytes bytes(size);
		bytes.resize(std::size_t(::pread(file.get(), bytes.data(), size, 0)));
		return bytes;
	}

	const Result<Device> device = Device::open();
};

} // namespace

TEST_F(Library, CreateSetsWhatItIsAskedFor)
{
	const Pipe pipe = create(CreateFlags::nonblock, 131072);

	EXPECT_TRUE(::fcntl(pipe.reader.fd(), F_GETFL) & O_NONBLOCK);
	EXPECT_FALSE(::fcntl(pipe.reader.fd(), F_GETFD) & FD_CLOEXEC);
	EXPECT_EQ(pipe.writer.query()->capacity, 131072U);
	EXPECT_EQ(device->create(CreateFlags::cloexec, UINT32_MAX).error(),
		  std::errc::invalid_argument);
}

TEST_F(Library, ResizeReturnsTheNewCapacity)
{
	const Pipe pipe = create();

	EXPECT_EQ(pipe.writer.resize(5000), 8192U);
	EXPECT_EQ(pipe.writer.query()->capacity, 8192U);
	EXPECT_EQ(pipe.writer.write_all(pattern(8192)).bytes, 8192U);
	EXPECT_EQ(pipe.reader.resize(4096).error(), std::errc::device_or_resource_busy);
}

TEST_F(Library, SpliceUsesAnOffsetOrThePosition)
{
	const Bytes content = pattern(3 * 4096);
	const Fd file = memory_file(content);
	const Pipe pipe = create();
	std::int64_t offset = 4096;
	Bytes read(2 * 4096);

	EXPECT_EQ(::lseek(file.get(), 2 * 4096, SEEK_SET), 2 * 4096);
	EXPECT_EQ(pipe.writer.splice_from({file.get(), &offset}, 4096), 4096U);
	EXPECT_EQ(offset, 2 * 4096);
	EXPECT_EQ(::lseek(file.get(), 0, SEEK_CUR), 2 * 4096);
	EXPECT_EQ(pipe.writer.splice_from({file.get()}, 4096), 4096U);
	EXPECT_EQ(::lseek(file.get(), 0, SEEK_CUR), 3 * 4096);
	EXPECT_EQ(pipe.writer.splice_from({file.get()}, 4096), 0U);
	EXPECT_EQ(pipe.reader.read_all(read).bytes, read.size());
	EXPECT_TRUE(std::equal(read.begin(), read.end(), content.begin() + 4096));
}

TEST_F(Library, SpliceAllPumpsAFileLargerThanThePipe)
{
	const Bytes content = pattern(1000000);
	const Fd source = memory_file(content);
	const Fd target = memory_file({});
	const Pipe pipe = create();
	std::int64_t from = 0;
	std::int64_t to = 0;

	const Relay relay =
		splice_all({source.get(), &from}, pipe, {target.get(), &to}, UINT64_MAX);
	EXPECT_FALSE(relay.error) << relay.error.message();
	EXPECT_EQ(relay.read, content.size());
	EXPECT_EQ(relay.written, content.size());
	EXPECT_EQ(content_of(target, content.size() + 1), content);
}

TEST_F(Library, SpliceAllTellsWhatStayedInThePipe)
{
	const Fd source = memory_file(pattern(1 << 20));
	int fds[2];
	ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	const Fd peer(fds[0]);
	const Fd target(fds[1]);
	const int small = 4096;
	ASSERT_EQ(::setsockopt(target.get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	const Pipe pipe = create();
	std::int64_t from = 0;

	const Relay relay = splice_all({source.get(), &from}, pipe, {target.get()}, 1 << 20);
	EXPECT_EQ(relay.error, std::errc::resource_unavailable_try_again);
	EXPECT_LT(relay.written, relay.read);
	EXPECT_EQ(from, std::int64_t(relay.read));
	EXPECT_EQ(pipe.reader.query()->unread, relay.read - relay.written);
}

TEST_F(Library, SpliceAllFromAndToMeetInThePipe)
{
	const Bytes content = pattern(500000);
	const Fd source = memory_file(content);
	const Fd target = memory_file({});
	Pipe pipe = create();
	std::int64_t from = 0;

	std::jthread filling([&, writer = std::move(pipe.writer)]() mutable {
		const WriteEnd closes = std::move(writer);
		EXPECT_EQ(closes.splice_all_from({source.get(), &from}, UINT64_MAX).bytes,
			  content.size());
	});
	const Transfer drained = pipe.reader.splice_all_to({target.get()}, UINT64_MAX);
	EXPECT_FALSE(drained.error) << drained.error.message();
	EXPECT_EQ(drained.bytes, content.size());
	EXPECT_EQ(content_of(target, content.size() + 1), content);
}

TEST_F(Library, SpliceMovesBetweenPrivatePipes)
{
	const Bytes content = pattern(65536);
	const Pipe first = create();
	const Pipe second = create();
	Bytes read(content.size());

	EXPECT_EQ(first.writer.write_all(content).bytes, content.size());
	EXPECT_EQ(first.reader.splice_all_to({second.writer.fd()}, content.size()).bytes,
		  content.size());
	EXPECT_EQ(second.reader.query()->moved, content.size());
	EXPECT_EQ(second.reader.read_all(read).bytes, content.size());
	EXPECT_EQ(read, content);
}

TEST_F(Library, TeeLeavesTheInputAsItIs)
{
	const Bytes content = pattern(5000);
	const Pipe first = create();
	const Pipe second = create();
	Bytes read(content.size());

	EXPECT_EQ(first.writer.write(content), content.size());
	EXPECT_EQ(first.reader.tee(second.writer, 100000), content.size());
	EXPECT_EQ(second.reader.read_all(read).bytes, content.size());
	EXPECT_EQ(read, content);
	EXPECT_EQ(first.reader.query()->unread, content.size());
	EXPECT_EQ(first.reader.tee(first.writer, 1).error(), std::errc::invalid_argument);
}

TEST_F(Library, VmspliceGathersAndScatters)
{
	Bytes content = pattern(6000);
	const Pipe pipe = create();
	const std::array gather{iovec{content.data(), 1000}, iovec{content.data() + 1000, 5000}};
	Bytes read(content.size());
	const std::array scatter{iovec{read.data(), 5000}, iovec{read.data() + 5000, 1000}};

	EXPECT_EQ(pipe.writer.vmsplice(gather), content.size());
	EXPECT_EQ(pipe.reader.vmsplice(scatter), content.size());
	EXPECT_EQ(read, content);
	EXPECT_EQ(pipe.reader.vmsplice(scatter, SpliceFlags::nonblock).error(),
		  std::errc::resource_unavailable_try_again);
}

TEST_F(Library, GiftOfAnArenaMoves)
{
	constexpr std::size_t size = 8 * 4096;
	const auto arena = device->create_arena(size);
	ASSERT_TRUE(arena) << arena.error().message();
	const Pipe pipe = create();
	const Bytes content = pattern(size);
	Bytes read(size);

	EXPECT_EQ(arena->bytes().size(), size);
	std::ranges::copy(content, arena->bytes().begin());
	EXPECT_EQ(pipe.writer.vmsplice(arena->bytes(), SpliceFlags::gift), size);
	EXPECT_TRUE(std::ranges::all_of(arena->bytes(),
					[](std::byte byte) { return byte == std::byte{0}; }));
	EXPECT_EQ(pipe.reader.query()->taken, size);
	EXPECT_EQ(pipe.reader.read_all(read).bytes, size);
	EXPECT_EQ(read, content);
	EXPECT_EQ(device->create_arena(0).error(), std::errc::invalid_argument);
}

TEST_F(Library, SendfileAllSendsEverything)
{
	const Bytes content = pattern(300000);
	const Fd source = memory_file(content);
	const Fd target = memory_file({});
	std::int64_t offset = 0;

	const Transfer sent =
		device->sendfile_all(target.get(), {source.get(), &offset}, UINT64_MAX >> 1);
	EXPECT_FALSE(sent.error) << sent.error.message();
	EXPECT_EQ(sent.bytes, content.size());
	EXPECT_EQ(offset, std::int64_t(content.size()));
	EXPECT_EQ(content_of(target, content.size() + 1), content);
	EXPECT_EQ(device->sendfile(target.get(), {source.get()}, 1, SendfileFlags::direct).error(),
		  std::errc::invalid_argument);
}

TEST_F(Library, ErrorsAreThoseOfTheCalls)
{
	const Bytes content = pattern(10);
	const Fd file = memory_file(content);
	Pipe pipe = create(CreateFlags::nonblock);
	std::int64_t offset = -1;
	std::byte byte;

	EXPECT_EQ(pipe.reader.read({&byte, 1}).error(), std::errc::resource_unavailable_try_again);
	EXPECT_EQ(pipe.writer.splice_from({file.get(), &offset}, 1).error(),
		  std::errc::invalid_argument);
	EXPECT_EQ(pipe.writer.splice_from({-1}, 1).error(), std::errc::bad_file_descriptor);
	pipe.reader.close();
	EXPECT_EQ(pipe.writer.write(content).error(), std::errc::broken_pipe);
	EXPECT_EQ(pipe.writer.splice_from({file.get()}, 1).error(), std::errc::broken_pipe);
}

TEST_F(Library, ADeviceAndAnEndCanComeFromElsewhere)
{
	Device other(Fd(::fcntl(device->fd(), F_DUPFD_CLOEXEC, 0)));
	Pipe pipe = other.create().value();
	ReadEnd reader(pipe.reader.release());
	std::array<std::byte, 3> bytes{};

	EXPECT_FALSE(pipe.reader);
	EXPECT_EQ(pipe.writer.write_all(bytes).bytes, bytes.size());
	EXPECT_EQ(reader.query()->unread, bytes.size());
}

TEST_F(Library, AnArenaCanBeMappedAgain)
{
	constexpr std::size_t size = 2 * 4096;
	const auto arena = device->create_arena(size);
	ASSERT_TRUE(arena) << arena.error().message();
	const auto other = Arena::map(Fd(::fcntl(arena->fd(), F_DUPFD_CLOEXEC, 0)), size);
	ASSERT_TRUE(other) << other.error().message();

	arena->bytes()[5000] = std::byte{7};
	EXPECT_EQ(other->bytes()[5000], std::byte{7});
	const Pipe pipe = create();
	EXPECT_EQ(pipe.writer.vmsplice(other->bytes(), SpliceFlags::gift), size);
	EXPECT_EQ(arena->bytes()[5000], std::byte{0});
	EXPECT_EQ(Arena::map(Fd(::fcntl(arena->fd(), F_DUPFD_CLOEXEC, 0)), 2 * size).error(),
		  std::errc::no_such_device_or_address);
}

TEST_F(Library, TheAllCallsEndAtADeadline)
{
	const Bytes content = pattern(200000);
	const Fd file = memory_file(content);
	int fds[2];
	ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	const Fd peer(fds[0]);
	const Fd socket(fds[1]);
	Bytes read(10);
	const Pipe full = create();
	const Pipe empty = create();
	// Time to fill a pipe, also on a kernel with all checks.
	const Until until{.deadline = Clock::now() + 500ms};

	const Transfer filled = full.writer.splice_all_from(
		{file.get()}, content.size(), SpliceFlags::none, Policy::module_default, until);
	EXPECT_EQ(filled.bytes, 65536U);
	EXPECT_EQ(filled.error, std::errc::timed_out);
	EXPECT_EQ(full.writer.write_all(content, until).error, std::errc::timed_out);
	EXPECT_EQ(empty.reader.read_all(read, until).error, std::errc::timed_out);
	EXPECT_EQ(empty.reader.splice_all_to({socket.get()}, 1, SpliceFlags::none, until).error,
		  std::errc::timed_out);
	// The pipe has room; the source has no bytes.
	EXPECT_EQ(splice_all({socket.get()}, empty, {file.get()}, 1, SpliceFlags::none,
			     Policy::module_default, until)
			  .error,
		  std::errc::timed_out);
}

TEST_F(Library, SendfileAllEndsAtADeadlineWhileASlowReceiverReads)
{
	const Fd file = memory_file(pattern(8 << 20));
	int fds[2];
	ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	const Fd peer(fds[0]);
	const Fd socket(fds[1]);
	std::jthread receiver([&] {
		Bytes part(65536);

		while (::read(peer.get(), part.data(), part.size()) > 0)
			std::this_thread::sleep_for(100ms);
	});

	const Transfer sent =
		device->sendfile_all(socket.get(), {file.get()}, 8 << 20, SendfileFlags::none,
				     {.deadline = Clock::now() + 500ms});
	EXPECT_EQ(sent.error, std::errc::timed_out);
	EXPECT_LT(sent.bytes, 4U << 20);
	::shutdown(socket.get(), SHUT_WR);
	::shutdown(peer.get(), SHUT_RD);
}

TEST_F(Library, TheAllCallsWaitWhenTheyHaveALimit)
{
	const Bytes content = pattern(500000);
	const Fd source = memory_file(content);
	Bytes read(content.size());
	std::stop_source stop;
	const Until until{.stop = stop.get_token()};
	const Pipe pipe = create();

	std::jthread filling([&] {
		EXPECT_EQ(pipe.writer.write_all({content.data(), 250000}, until).bytes, 250000U);
		std::int64_t offset = 250000;
		EXPECT_EQ(pipe.writer
				  .splice_all_from({source.get(), &offset}, 250000,
						   SpliceFlags::none, Policy::module_default, until)
				  .bytes,
			  250000U);
	});
	const Transfer drained = pipe.reader.read_all(read, until);
	EXPECT_FALSE(drained.error) << drained.error.message();
	EXPECT_EQ(read, content);
}

TEST_F(Library, AWaitForAPipeCanBeStopped)
{
	const Fd target = memory_file({});
	const Pipe pipe = create();
	std::stop_source stop;
	const std::jthread stopper([&] {
		std::this_thread::sleep_for(50ms);
		stop.request_stop();
	});

	const Transfer drained = pipe.reader.splice_all_to({target.get()}, 1, SpliceFlags::none,
							   {.stop = stop.get_token()});
	EXPECT_EQ(drained.bytes, 0U);
	EXPECT_EQ(drained.error, std::errc::operation_canceled);
}
