// SPDX-License-Identifier: GPL-2.0
/* While a call writes the bytes of a pipe elsewhere: nobody else reads, and all are told
 * afterwards. */
#include "pipe/kinds.hh"
#include "pipe/pipe.hh"
#include "pipe/signals.hh"
#include "support/async.hh"

#include <gtest/gtest.h>

#include <poll.h>
#include <sys/socket.h>

namespace {

/* A splice of a whole pipe to a socket that takes no more for now. */
class Draining : public testing::Test {
protected:
	static constexpr size_t size = 1 << 19;

	Draining()
	{
		int buffer = 16384;

		setsockopt(tcp.near.get(), SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
		setsockopt(tcp.far.get(), SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
		put(pipe.out(), pattern(size));
	}

	Result drain_it() { return do_splice(pipe.in(), tcp.near.get(), size); }
	void let_it_end() { EXPECT_TRUE(same(get(tcp.far.get(), size), pattern(size))); }
	short polled()
	{
		pollfd entry = {.fd = pipe.in(), .events = POLLIN, .revents = 0};

		poll(&entry, 1, 0);
		return entry.revents;
	}
	/* Once the bytes have begun to move: io_uring's worker may start late. */
	bool begins()
	{
		pollfd entry = {.fd = tcp.far.get(), .events = POLLIN, .revents = 0};

		return poll(&entry, 1, 10000) == 1;
	}

	Connection tcp = connect_kind(Kind::tcp, true);
	Pipe pipe = make_pipe(0, 2 * size);
};

} // namespace

TEST_F(Draining, KeepsOthersFromReadingButNotFromWriting)
{
	char byte;
	Async sending{[&] { return drain_it(); }};

	ASSERT_TRUE(begins() && sending.waits());
	put(pipe.out(), "x");
	EXPECT_EQ(unread(pipe.in()), size + 1);
	set_status_flag(pipe.in(), O_NONBLOCK);
	EXPECT_EQ(backend().read(pipe.in(), &byte, 1), failed(EAGAIN));
	EXPECT_EQ(polled(), 0);
	let_it_end();
	EXPECT_EQ(sending.get(), moved(size));
	EXPECT_EQ(drain(pipe.in()), "x");
}

/* A reader that waits for SIGIO could not read when the bytes came. */
TEST_F(Draining, SendsSigioWhenItIsOverAndThereAreBytes)
{
	AwaitSignal sigio(SIGIO);
	Async sending{[&] { return drain_it(); }};

	ASSERT_TRUE(begins() && sending.waits());
	checked(fcntl(pipe.in(), F_SETOWN, getpid()), "F_SETOWN");
	set_status_flag(pipe.in(), O_ASYNC);
	put(pipe.out(), "x");
	EXPECT_TRUE(sigio.wait(nullptr));
	EXPECT_FALSE(sigio.pending());
	EXPECT_EQ(polled(), 0);
	let_it_end();
	EXPECT_EQ(sending.get(), moved(size));
	EXPECT_TRUE(sigio.pending());
	EXPECT_EQ(polled(), POLLIN);
	set_status_flag(pipe.in(), O_ASYNC, false);
}
