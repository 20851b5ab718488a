// SPDX-License-Identifier: GPL-2.0
/* A stream through a socket of each family, from and to a pipe. */
#include "pipe/families.hh"
#include "pipe/pipe.hh"

#include <gtest/gtest.h>

#include <netinet/in.h>
#include <linux/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

namespace {

constexpr size_t size = 1 << 20;
constexpr size_t chunk = 30000;

/* KCM drops the rest of a message of which only a part was taken. */
std::vector<Family> streams()
{
	std::vector<Family> all = families();

	std::erase_if(all, [](const Family &family) { return family.name == std::string("kcm"); });
	return all;
}

class Stream : public testing::TestWithParam<Family> {
protected:
	Connection connection = GetParam().connect();
	Pipe pipe = make_pipe();
	const std::string bytes = pattern(size);

	/* SMC between two sockets of one machine shares memory if there is a device for it. */
	void TearDown() override
	{
		tcp_info info = {};
		socklen_t length = sizeof(info);

		if (GetParam().name != std::string("smc") || access("/sys/class/dibs/lo", F_OK))
			return;
		checked(getsockopt(connection.near.get(), IPPROTO_TCP, TCP_INFO, &info, &length),
			"TCP_INFO");
		EXPECT_LT(info.tcpi_bytes_received, chunk);
	}
};

} // namespace

TEST_P(Stream, ComesOutOfAPipeAsItWasSent)
{
	std::jthread sender([&] { put(connection.far.get(), bytes); });
	std::string received;

	while (received.size() < size) {
		ASSERT_GT(do_splice(connection.near.get(), pipe.out(), chunk).value, 0);
		received += drain(pipe.in());
	}
	EXPECT_TRUE(same(received, bytes));
}

TEST_P(Stream, IsReceivedAsItWentIntoAPipe)
{
	std::jthread sender([&] {
		for (size_t done = 0; done < size;) {
			const std::string_view next = std::string_view(bytes).substr(done, chunk);

			put(pipe.out(), next);
			for (size_t left = next.size(); left;)
				left -= do_splice(pipe.in(), connection.far.get(), left).bytes();
			done += next.size();
		}
	});
	std::string received;
	std::string room(chunk, '\0');

	while (received.size() < size) {
		const ssize_t n = read(connection.near.get(), room.data(), room.size());

		ASSERT_GT(n, 0);
		received.append(room, 0, size_t(n));
	}
	EXPECT_TRUE(same(received, bytes));
}

INSTANTIATE_TEST_SUITE_P(Families, Stream, testing::ValuesIn(streams()), testing::PrintToStringParamName());
