// SPDX-License-Identifier: MIT
// The ends of an ordinary pipe know read and write, and refuse the rest.

#include <privpipe/privpipe.hpp>

#include <array>
#include <csignal>
#include <gtest/gtest.h>
#include <unistd.h>
#include <vector>

using namespace privpipe;

namespace {

class OrdinaryPipe : public testing::Test {
protected:
	void SetUp() override
	{
		int fds[2];
		ASSERT_EQ(::pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
		reader = ReadEnd(Fd(fds[0]));
		writer = WriteEnd(Fd(fds[1]));
		std::signal(SIGPIPE, SIG_IGN);
	}

	ReadEnd reader{Fd()};
	WriteEnd writer{Fd()};
};

} // namespace

TEST_F(OrdinaryPipe, WriteAllTellsHowFarItCame)
{
	const std::vector<std::byte> bytes(1 << 20, std::byte{'x'});
	const Transfer written = writer.write_all(bytes);

	EXPECT_EQ(written.bytes, 65536U);
	EXPECT_EQ(written.error, std::errc::resource_unavailable_try_again);
}

TEST_F(OrdinaryPipe, ReadAllStopsAtTheEnd)
{
	const std::array<std::byte, 5> sent{std::byte{1}, std::byte{2}, std::byte{3}};
	std::array<std::byte, 64> received{};

	EXPECT_EQ(writer.write_all(sent).bytes, sent.size());
	writer = WriteEnd(Fd());
	const Transfer read = reader.read_all(received);
	EXPECT_EQ(read.bytes, sent.size());
	EXPECT_FALSE(read.error);
	EXPECT_TRUE(std::equal(sent.begin(), sent.end(), received.begin()));
}

TEST_F(OrdinaryPipe, WithoutAReaderIsBroken)
{
	reader = ReadEnd(Fd());
	const Transfer written = writer.write_all(std::array{std::byte{1}});

	EXPECT_EQ(written.bytes, 0U);
	EXPECT_EQ(written.error, std::errc::broken_pipe);
}

TEST_F(OrdinaryPipe, KnowsNoneOfTheIoctls)
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

TEST_F(OrdinaryPipe, FailsARelayWithoutLosingCount)
{
	const Pipe pipe{std::move(reader), std::move(writer)};
	const Relay relay = splice_all({pipe.reader.fd()}, pipe, {pipe.writer.fd()}, 10);

	EXPECT_EQ(relay.read, 0U);
	EXPECT_EQ(relay.written, 0U);
	EXPECT_EQ(relay.error, std::errc::inappropriate_io_control_operation);
}
