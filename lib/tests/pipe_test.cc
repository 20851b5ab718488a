// SPDX-License-Identifier: MIT
// The ends of a stock pipe know read and write, and refuse the rest.

#include <privpipe/privpipe.hpp>

#include <array>
#include <csignal>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace privpipe;

namespace {

class StockPipe : public testing::Test {
protected:
	void SetUp() override
	{
		int fds[2];
		ASSERT_EQ(::pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
		reader = ReadEnd(Fd(fds[0]));
		writer = WriteEnd(Fd(fds[1]));
		std::signal(SIGPIPE, SIG_IGN);
	}

	// Calls may block.
	void block() const
	{
		ASSERT_EQ(::fcntl(reader.fd(), F_SETFL, 0), 0);
		ASSERT_EQ(::fcntl(writer.fd(), F_SETFL, 0), 0);
	}

	ReadEnd reader;
	WriteEnd writer;
};

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

} // namespace

TEST_F(StockPipe, WriteAllTellsHowFarItCame)
{
	const std::vector<std::byte> bytes(1 << 20, std::byte{'x'});
	const Transfer written = writer.write_all(bytes);

	EXPECT_EQ(written.bytes, 65536U);
	EXPECT_EQ(written.error, std::errc::resource_unavailable_try_again);
}

TEST_F(StockPipe, ReadAllStopsAtTheEnd)
{
	const std::array<std::byte, 5> sent{std::byte{1}, std::byte{2}, std::byte{3}};
	std::array<std::byte, 64> received{};

	EXPECT_EQ(writer.write_all(sent).bytes, sent.size());
	writer.close();
	const Transfer read = reader.read_all(received);
	EXPECT_EQ(read.bytes, sent.size());
	EXPECT_FALSE(read.error);
	EXPECT_TRUE(std::equal(sent.begin(), sent.end(), received.begin()));
}

TEST_F(StockPipe, WithoutAReaderIsBroken)
{
	reader.close();
	const Transfer written = writer.write_all(std::array{std::byte{1}});

	EXPECT_EQ(written.bytes, 0U);
	EXPECT_EQ(written.error, std::errc::broken_pipe);
}

TEST_F(StockPipe, KnowsNoneOfTheIoctls)
{
	constexpr auto not_known = std::errc::inappropriate_io_control_operation;
	std::array<std::byte, 8> memory{};

	EXPECT_EQ(reader.query().error(), not_known);
	EXPECT_EQ(writer.resize(4096).error(), not_known);
	EXPECT_EQ(reader.splice_to({writer.fd()}, 1).error(), not_known);
	EXPECT_EQ(writer.splice_from({reader.fd()}, 1).error(), not_known);
	EXPECT_EQ(reader.tee(writer, 1).error(), not_known);
	EXPECT_EQ(reader.vmsplice(std::array{iovec{memory.data(), 8}}).error(), not_known);
	EXPECT_EQ(writer.vmsplice(memory).error(), not_known);
}

TEST_F(StockPipe, FailsARelayWithoutLosingCount)
{
	const Pipe pipe{std::move(reader), std::move(writer)};
	const Relay relay = splice_all({pipe.reader.fd()}, pipe, {pipe.writer.fd()}, 10);

	EXPECT_EQ(relay.read, 0U);
	EXPECT_EQ(relay.written, 0U);
	EXPECT_EQ(relay.error, std::errc::inappropriate_io_control_operation);
}

TEST_F(StockPipe, EndsAreClosedAndTakenOut)
{
	EXPECT_TRUE(reader);
	EXPECT_FALSE(ReadEnd());
	const int raw = reader.fd();
	Fd taken = reader.release();
	EXPECT_FALSE(reader);
	EXPECT_EQ(taken.get(), raw);

	ReadEnd adopted(std::move(taken));
	std::array<std::byte, 1> byte{};
	EXPECT_EQ(writer.write_all(byte).bytes, 1U);
	EXPECT_EQ(adopted.read_all(byte).bytes, 1U);
	adopted.close();
	EXPECT_FALSE(adopted);
	EXPECT_EQ(::fcntl(raw, F_GETFD), -1);
}

TEST_F(StockPipe, ReadAllEndsAtTheDeadlineWithWhatCame)
{
	std::array<std::byte, 64> received{};

	block();
	EXPECT_EQ(writer.write(std::array{std::byte{7}}), 1U);
	const Transfer read = reader.read_all(received, {.deadline = Clock::now() + 50ms});
	EXPECT_EQ(read.bytes, 1U);
	EXPECT_EQ(read.error, std::errc::timed_out);
	EXPECT_EQ(received[0], std::byte{7});
}

TEST_F(StockPipe, WriteAllEndsAtTheDeadlineWithWhatWent)
{
	const std::vector<std::byte> bytes(1 << 20);

	block();
	const Transfer written = writer.write_all(bytes, {.deadline = Clock::now() + 50ms});
	EXPECT_EQ(written.bytes, 65536U);
	EXPECT_EQ(written.error, std::errc::timed_out);
}

TEST_F(StockPipe, ReadAllEndsWhenItIsStopped)
{
	std::array<std::byte, 64> received{};
	std::stop_source source;

	block();
	const std::jthread stopper([&] {
		std::this_thread::sleep_for(50ms);
		source.request_stop();
	});
	const Transfer read = reader.read_all(received, {.stop = source.get_token()});
	EXPECT_EQ(read.bytes, 0U);
	EXPECT_EQ(read.error, std::errc::operation_canceled);
	EXPECT_EQ(reader.read_all(received, {.stop = source.get_token()}).error,
		  std::errc::operation_canceled);
}

TEST_F(StockPipe, ALimitThatIsNotReachedChangesNothing)
{
	const std::vector<std::byte> bytes(1 << 20, std::byte{'x'});
	std::vector<std::byte> received(bytes.size() + 1);
	std::stop_source source;
	const Until until{source.get_token(), Clock::now() + 1min};

	block();
	std::jthread writing([&] {
		EXPECT_EQ(writer.write_all(bytes, until).bytes, bytes.size());
		writer.close();
	});
	const Transfer read = reader.read_all(received, until);
	EXPECT_EQ(read.bytes, bytes.size());
	EXPECT_FALSE(read.error);
}
