// SPDX-License-Identifier: GPL-2.0
/*
 * What a socket's options and state make of a splice out of it: the same for a private pipe as for
 * a stock one. Each scenario runs with both and says in words what came of it.
 */
#include "pipe/families.hh"
#include "pipe/kinds.hh"

#include <gtest/gtest.h>

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <chrono>
#include <cstring>
#include <functional>
#include <future>
#include <thread>

namespace {

/* A call that is not back by then waits for something. */
constexpr auto patience = std::chrono::seconds(2);

/* A pipe, and the splice that goes with it. */
class Mover {
public:
	explicit Mover(bool stock) : stock_(stock), pipe_(stock ? make_stock_pipe() : make_pipe())
	{
	}

	/* Splices once; "waits" if that only came back after @release. */
	std::string move(int from, size_t len, unsigned flags,
			 const std::function<void()> &release) const
	{
		auto call =
			std::async(std::launch::async, [&] { return splice(from, len, flags); });
		std::string waited;

		if (call.wait_for(patience) == std::future_status::timeout) {
			waited = "waits, then ";
			release();
		}

		const Result result = call.get();

		return waited +
		       (result.ok() ? std::to_string(result.value) + " '" +
					      get(pipe_.in(), result.bytes()) + "'"
				    : strerror(static_cast<int>(-result.value))) +
		       "; ";
	}

	/* The same, with the other side closed in the end. */
	std::string move(const Connection &connection, size_t len, unsigned flags = 0) const
	{
		return move(connection.near.get(), len, flags,
			    [&] { shutdown(connection.far.get(), SHUT_RDWR); });
	}

private:
	Result splice(int from, size_t len, unsigned flags) const
	{
		if (stock_)
			return result_of(::splice(from, nullptr, pipe_.out(), nullptr, len, flags));
		return do_splice(from, pipe_.out(), len, flags);
	}

	bool stock_;
	Pipe pipe_;
};

/* Both at once: they spend their time waiting. */
void compare(const std::function<std::string(const Mover &)> &scenario)
{
	auto stock = std::async(std::launch::async, [&] { return scenario(Mover(true)); });
	const std::string ours = scenario(Mover(false));

	EXPECT_EQ(ours, stock.get());
}

void set_option(int fd, int level, int name, int value)
{
	checked(setsockopt(fd, level, name, &value, sizeof(value)), "setsockopt");
}

void give_up_soon(int fd)
{
	timeval moment = {0, 300000};

	checked(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &moment, sizeof(moment)), "SO_RCVTIMEO");
}

/* Until @size bytes have arrived, regardless of the socket's low-water mark. */
void arrived(int fd, size_t size)
{
	std::string bytes(size, '\0');
	size_t there = 0;

	while (there < size)
		there = result_of(recv(fd, bytes.data(), size, MSG_PEEK | MSG_DONTWAIT)).bytes();
}

} // namespace

class FromFamily : public testing::TestWithParam<Family> {
protected:
	/* KCM does not tell when the other side is gone, so nothing waits for ever. */
	Connection connect() const
	{
		const timeval longer = {4, 0};
		Connection c = GetParam().connect();

		checked(setsockopt(c.near.get(), SOL_SOCKET, SO_RCVTIMEO, &longer, sizeof(longer)),
			"SO_RCVTIMEO");
		return c;
	}
};

TEST_P(FromFamily, WhatHasArrived)
{
	compare([&](const Mover &mover) {
		Connection c = connect();

		put(c.far.get(), "hello");
		return mover.move(c, 3) + mover.move(c, 100);
	});
}

TEST_P(FromFamily, TheEnd)
{
	compare([&](const Mover &mover) {
		Connection c = connect();

		put(c.far.get(), "hello");
		shutdown(c.far.get(), SHUT_WR);
		return mover.move(c, 100) + mover.move(c, 100) + mover.move(c, 100);
	});
}

TEST_P(FromFamily, NothingYet)
{
	compare([&](const Mover &mover) {
		Connection c = connect();

		set_status_flag(c.near.get(), O_NONBLOCK);
		return mover.move(c, 100);
	});
}

TEST_P(FromFamily, NothingYetAndSpliceFNonblock)
{
	compare([&](const Mover &mover) {
		Connection c = connect();

		return mover.move(c, 100, SPLICE_F_NONBLOCK);
	});
}

TEST_P(FromFamily, ReceiveTimeout)
{
	compare([&](const Mover &mover) {
		Connection c = connect();

		give_up_soon(c.near.get());
		return mover.move(c, 100);
	});
}

TEST_P(FromFamily, LowWaterMarkAboveWhatIsThere)
{
	compare([&](const Mover &mover) {
		Connection c = connect();
		int ten = 10;

		/* MPTCP's own has none. */
		if (setsockopt(c.near.get(), SOL_SOCKET, SO_RCVLOWAT, &ten, sizeof(ten)))
			return std::string("no such option");
		put(c.far.get(), "hello");
		arrived(c.near.get(), 1);
		return mover.move(c, 100);
	});
}

TEST_P(FromFamily, ShutDownForReading)
{
	compare([&](const Mover &mover) {
		Connection c = connect();

		shutdown(c.near.get(), SHUT_RD);
		return mover.move(c, 100) + mover.move(c, 100);
	});
}

TEST_P(FromFamily, OptionsForControlMessages)
{
	compare([&](const Mover &mover) {
		Connection c = connect();
		const int fd = c.near.get(), one = 1;

		for (int option : {SO_TIMESTAMP, SO_TIMESTAMPNS, SO_PASSCRED})
			setsockopt(fd, SOL_SOCKET, option, &one, sizeof(one));
		setsockopt(fd, IPPROTO_TCP, TCP_INQ, &one, sizeof(one));
		setsockopt(fd, SOL_SOCKET, SO_BUSY_POLL, &one, sizeof(one));
		put(c.far.get(), "hello");
		return mover.move(c, 3) + mover.move(c, 100);
	});
}

INSTANTIATE_TEST_SUITE_P(Families, FromFamily, testing::ValuesIn(families()),
			 testing::PrintToStringParamName());

TEST(FromTcp, UrgentBytes)
{
	for (int inline_too : {0, 1})
		compare([&](const Mover &mover) {
			Connection c = connect_kind(Kind::tcp, false);
			char urgent = 0;
			tcp_info info = {};

			set_option(c.near.get(), SOL_SOCKET, SO_OOBINLINE, inline_too);
			set_option(c.far.get(), IPPROTO_TCP, TCP_NODELAY, 1);
			put(c.far.get(), "abc");
			checked(send(c.far.get(), "!", 1, MSG_OOB), "send an urgent byte");
			put(c.far.get(), "xyz");
			for (socklen_t size = sizeof(info); info.tcpi_bytes_received < 7;)
				checked(getsockopt(c.near.get(), IPPROTO_TCP, TCP_INFO, &info,
						   &size),
					"TCP_INFO");

			std::string said = mover.move(c, 100) + mover.move(c, 100);

			said += std::to_string(recv(c.near.get(), &urgent, 1, MSG_OOB));
			return said + " " + mover.move(c, 100) + mover.move(c, 100);
		});
}

TEST(FromTcp, AConnectionThatWasReset)
{
	compare([&](const Mover &mover) {
		Connection c = connect_kind(Kind::tcp, false);
		const linger at_once = {1, 0};

		put(c.far.get(), "hello");
		checked(setsockopt(c.far.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)),
			"SO_LINGER");
		c.far.reset();
		return mover.move(c, 100) + mover.move(c, 100) + mover.move(c, 100);
	});
}

TEST(FromTcp, ASocketThatListensOrDoesNothing)
{
	for (bool listens : {false, true})
		compare([&](const Mover &mover) {
			Connection c = {
				Fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"), Fd()};

			if (listens)
				checked(listen(c.near.get(), 1), "listen");
			return mover.move(c, 100);
		});
}

TEST(FromUnix, ASocketThatListensOrDoesNothing)
{
	for (int type : {SOCK_STREAM, SOCK_SEQPACKET})
		compare([&](const Mover &mover) {
			Connection c = {Fd(socket(AF_UNIX, type | SOCK_CLOEXEC, 0), "socket"),
					Fd()};

			return mover.move(c, 100);
		});
}

static void send_with_descriptor(int socket, std::string_view bytes)
{
	iovec iov = iovec_of(bytes);
	alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> room = {};
	msghdr message = {};

	message.msg_iov = &iov;
	message.msg_iovlen = 1;
	message.msg_control = room.data();
	message.msg_controllen = room.size();

	cmsghdr *control = CMSG_FIRSTHDR(&message);

	control->cmsg_level = SOL_SOCKET;
	control->cmsg_type = SCM_RIGHTS;
	control->cmsg_len = CMSG_LEN(sizeof(int));
	std::memcpy(CMSG_DATA(control), &socket, sizeof(int));
	checked(sendmsg(socket, &message, 0), "send a descriptor");
}

TEST(FromUnix, DescriptorsAmongTheBytes)
{
	for (int credentials : {0, 1})
		compare([&](const Mover &mover) {
			Connection c = connect_kind(Kind::unix_stream, false);

			set_option(c.near.get(), SOL_SOCKET, SO_PASSCRED, credentials);
			put(c.far.get(), "ab");
			send_with_descriptor(c.far.get(), "cd");
			put(c.far.get(), "ef");
			return mover.move(c, 3) + mover.move(c, 100) + mover.move(c, 100);
		});
}

TEST(FromUnix, PeekOffset)
{
	compare([&](const Mover &mover) {
		Connection c = connect_kind(Kind::unix_stream, false);
		std::array<char, 10> bytes = {};

		set_option(c.near.get(), SOL_SOCKET, SO_PEEK_OFF, 3);
		put(c.far.get(), "abcdef");

		std::string said = mover.move(c, 2);

		recv(c.near.get(), bytes.data(), 2, MSG_PEEK);
		return said + bytes.data();
	});
}

TEST(FromUnix, MessagesOfASequence)
{
	for (int type : {SOCK_DGRAM, SOCK_SEQPACKET})
		compare([&](const Mover &mover) {
			std::array<int, 2> ends;

			checked(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data()),
				"socketpair");

			Connection c = {Fd(ends[0]), Fd(ends[1])};

			give_up_soon(c.near.get());
			put(c.far.get(), "first");
			put(c.far.get(), "second");
			return mover.move(c, 3) + mover.move(c, 100) +
			       mover.move(c, 100, SPLICE_F_NONBLOCK);
		});
}

TEST(FromTls, ARecordThatIsNoDataStaysForRecvmsg)
{
	for (bool data_first : {false, true})
		compare([&](const Mover &mover) {
			Connection c = connect_tls();
			std::string said;

			if (data_first)
				put(c.far.get(), "hello");
			send_tls_record(c.far.get(), 100, "control");
			put(c.far.get(), "world");
			give_up_soon(c.near.get());
			for (int i = 0; i < 3; i++)
				said += mover.move(c, 100);
			said += take_tls_record(c.near.get()) + "; ";
			return said + mover.move(c, 100);
		});
}

/* Nothing that was received is lost, in pieces of every size. */
TEST_P(FromFamily, EveryByteInOrder)
{
	const std::string bytes = pattern(100000);
	Connection c = connect();
	Pipe pipe = make_pipe();
	std::thread feeder([&] {
		for (size_t done = 0, piece = 1; done < bytes.size(); done += piece) {
			piece = std::min(piece * 2 % 16000 + 1, bytes.size() - done);
			put(c.far.get(), std::string_view(bytes).substr(done, piece));
		}
		shutdown(c.far.get(), SHUT_WR);
	});
	std::string got;

	while (got.size() < bytes.size()) {
		Result result = do_splice(c.near.get(), pipe.out(), default_capacity);

		if (result.value <= 0)
			break;
		got += get(pipe.in(), result.bytes());
	}
	feeder.join();
	EXPECT_TRUE(same(got, bytes));
}
