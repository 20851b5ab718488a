// SPDX-License-Identifier: GPL-2.0
/* A stream through a socket of each family, from and to a pipe. */
#include "pipe/families.hh"
#include "pipe/pipe.hh"

#include <gtest/gtest.h>

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
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

/* Sends in a thread of its own, until the bytes or the connection end, at the latest with this. */
class Sender {
public:
	/* @move sends the first bytes that are left to @far and returns how many, or an error. */
	Sender(int far, std::string_view bytes, std::function<ssize_t(std::string_view)> move)
		: far_(far), thread_([=] {
			  std::string_view left = bytes;

			  for (ssize_t n; !left.empty() && (n = move(left)) > 0;)
				  left.remove_prefix(size_t(n));
			  if (!left.empty())
				  shutdown(far, SHUT_RDWR);
		  })
	{
	}
	~Sender() { shutdown(far_, SHUT_RDWR); }
	Sender(const Sender &) = delete;
	Sender &operator=(const Sender &) = delete;

private:
	int far_;
	std::jthread thread_;
};

} // namespace

TEST_P(Stream, ComesOutOfAPipeAsItWasSent)
{
	const int far = connection.far.get();
	Sender sender(far, bytes, [=](std::string_view left) {
		return send(far, left.data(), left.size(), MSG_NOSIGNAL);
	});
	std::string received;

	while (received.size() < size) {
		ASSERT_GT(do_splice(connection.near.get(), pipe.out(), chunk).value, 0);
		received += drain(pipe.in());
	}
	EXPECT_TRUE(same(received, bytes));
}

TEST_P(Stream, IsReceivedAsItWentIntoAPipe)
{
	const int far = connection.far.get();
	Sender sender(far, bytes, [&, far](std::string_view left) -> ssize_t {
		const ssize_t in = write(pipe.out(), left.data(), std::min(left.size(), chunk));

		for (ssize_t out = 0; out < in;) {
			const Result result = do_splice(pipe.in(), far, size_t(in - out));

			if (result.value <= 0)
				return -1;
			out += result.value;
		}
		return in;
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

INSTANTIATE_TEST_SUITE_P(Families, Stream, testing::ValuesIn(streams()),
			 testing::PrintToStringParamName());

class Message : public testing::TestWithParam<Family> {};

TEST_P(Message, EntersAPipeWhole)
{
	Connection connection = GetParam().connect();
	Pipe pipe = make_pipe();

	put(connection.far.get(), "hello");
	EXPECT_EQ(do_splice(connection.near.get(), pipe.out(), 100), moved(5));
	EXPECT_EQ(drain(pipe.in()), "hello");
}

INSTANTIATE_TEST_SUITE_P(Families, Message, testing::ValuesIn(families()),
			 testing::PrintToStringParamName());
