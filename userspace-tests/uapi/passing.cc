// SPDX-License-Identifier: GPL-2.0
/* Ends that travel: to other processes, over sockets, into themselves; and what holds the module.
 */
#include "pipe/kinds.hh"
#include "pipe/private.hh"
#include "support/async.hh"
#include "support/child.hh"
#include "support/files.hh"
#include "support/scm.hh"
#include "support/users.hh"

#include <gtest/gtest.h>

#include <sys/socket.h>

TEST(Passing, AnEndReceivedOverASocketIsTheSameEnd)
{
	Connection unix_pair = connect_kind(Kind::unix_stream, true);
	Pipe pipe = make_pipe();

	send_fd(unix_pair.near.get(), pipe.out());
	pipe.write_end.reset();

	Fd received = receive_fd(unix_pair.far.get());

	put(received.get(), "abc");
	EXPECT_EQ(drain(pipe.in()), "abc");
	received.reset();
	EXPECT_EQ(get(pipe.in(), 1), "");
}

TEST(Passing, AnEndInFlightKeepsThePipeOpen)
{
	Connection unix_pair = connect_kind(Kind::unix_stream, true);
	Pipe pipe = make_pipe();
	char byte;

	send_fd(unix_pair.near.get(), pipe.out());
	pipe.write_end.reset();
	set_status_flag(pipe.in(), O_NONBLOCK);
	EXPECT_EQ(backend().read(pipe.in(), &byte, 1), failed(EAGAIN));
	unix_pair = {};
	EXPECT_EQ(backend().read(pipe.in(), &byte, 1), moved(0));
}

TEST(Passing, AnEndSplicedIntoItsOwnPipeIsDroppedAndItsByteIsThere)
{
	const int users = module_users();

	for (bool write_end : {true, false}) {
		Connection unix_pair = connect_kind(Kind::unix_stream, true);
		Pipe pipe = make_pipe();

		send_fd(unix_pair.near.get(), write_end ? pipe.out() : pipe.in());
		EXPECT_EQ(do_splice(unix_pair.far.get(), pipe.out(), 100), moved(1));
		EXPECT_EQ(drain(pipe.in()), "x");
		pipe.write_end.reset();
		EXPECT_EQ(get(pipe.in(), 1), "");
	}
	EXPECT_TRUE(module_users_become(users));
}

TEST(Passing, EndsInACircleOfSocketsAreCollected)
{
	const int users = module_users();

	for (int i = 0; i < 10; i++) {
		Connection unix_pair = connect_kind(Kind::unix_stream, true);
		Pipe pipe = make_pipe();

		/* The socket that holds the pipe is in flight in itself. */
		send_fd(unix_pair.near.get(), pipe.out());
		send_fd(unix_pair.near.get(), pipe.in());
		send_fd(unix_pair.near.get(), unix_pair.far.get());
	}
	/* The collector runs when the next socket goes. */
	connect_kind(Kind::unix_stream, true);
	EXPECT_TRUE(module_users_become(users));
}

TEST(Passing, AChildMovesBytesThroughInheritedEnds)
{
	Pipe pipe = make_pipe();
	File file(on_tmpfs, "contents");

	EXPECT_EQ(in_child([&] {
			  require(do_splice(file.fd(), pipe.out(), 8) == moved(8), "splice");
			  require(do_vmsplice(pipe.out(), "abc") == moved(3), "vmsplice");
			  require(backend().resize(pipe.out(), 4 * page_size) ==
					  moved(4 * page_size),
				  "resize");
		  }),
		  "");
	EXPECT_EQ(drain(pipe.in()), "contentsabc");
	EXPECT_EQ(backend().capacity(pipe.in()), moved(4 * page_size));
}

TEST(Passing, DescriptorsInAStructureAreThoseOfTheCaller)
{
	Pipe pipe = make_pipe();
	File parents(on_tmpfs, "parent");

	EXPECT_EQ(in_child([&] {
			  File inherited(on_tmpfs, "child!");

			  checked(dup2(inherited.fd(), parents.fd()), "dup2");
			  require(do_splice(parents.fd(), pipe.out(), 6) == moved(6), "splice");
		  }),
		  "");
	EXPECT_EQ(drain(pipe.in()), "child!");
}

TEST(Passing, AChildThatDiesInTheMiddleLeavesAWorkingPipe)
{
	const int users = module_users();
	Pipe pipe = make_pipe(0, page_size);
	Pipe started = make_stock_pipe();

	fill(pipe);
	EXPECT_EQ(in_child([&] {
			  const pid_t child = getpid();

			  /* Killed while it waits for room. */
			  Async killer{[&] {
				  get(started.in(), 1);
				  return kill(child, SIGKILL);
			  }};

			  put(started.out(), "x");
			  do_vmsplice(pipe.out(), "abc");
		  }),
		  "killed by Killed");
	EXPECT_EQ(drain(pipe.in()).size(), page_size);
	put(pipe.out(), "abc");
	EXPECT_EQ(drain(pipe.in()), "abc");
	/* The kernel takes down the io_uring of a killed process after that is gone. */
	pipe = {};
	EXPECT_TRUE(module_users_become(users));
}

TEST(ModuleUse, EveryOpenEndHoldsTheModuleUntilItIsClosed)
{
	constexpr int pipes = 100;
	const int users = module_users();

	{
		std::vector<Pipe> all;

		for (int i = 0; i < pipes; i++)
			all.push_back(make_pipe());
		EXPECT_GE(module_users(), users + pipes);
		EXPECT_EQ(remove_module(), failed(EAGAIN));
		put(all[pipes / 2].out(), "abc");
		EXPECT_EQ(drain(all[pipes / 2].in()), "abc");
	}
	EXPECT_TRUE(module_users_become(users));
}

TEST(ModuleUse, AnArenaHoldsTheModuleAsLongAsItIsMapped)
{
	const int users = module_users();
	Mapping arena(backend().map_gift(page_size), page_size);

	EXPECT_GT(module_users(), users);
	arena.unmap();
	EXPECT_TRUE(module_users_become(users));
}

TEST(ModuleUse, PagesInStockPipesAndSocketsDoNotHoldItAndStayGood)
{
	const int users = module_users();
	Pipe stock = make_stock_pipe();
	Connection tcp = connect_kind(Kind::tcp, true);

	{
		Pipe pipe = make_pipe();

		put(pipe.out(), pattern(20000));
		ASSERT_EQ(do_splice(pipe.in(), stock.out(), 10000), moved(10000));
		ASSERT_EQ(do_splice(pipe.in(), tcp.near.get(), 10000), moved(10000));
	}
	EXPECT_TRUE(module_users_become(users));
	EXPECT_TRUE(same(drain(stock.in()), pattern(10000)));
	EXPECT_TRUE(same(get(tcp.far.get(), 10000), pattern(10000, 10000)));
}
