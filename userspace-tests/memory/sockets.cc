// SPDX-License-Identifier: GPL-2.0
/* Memory that a socket gets from a private pipe while its peer does not read: who is charged. */
#include "pipe/kinds.hh"
#include "pipe/private.hh"
#include "support/cgroup.hh"
#include "support/child.hh"
#include "support/files.hh"

#include <gtest/gtest.h>

#include <netinet/tcp.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include <fstream>
#include <functional>
#include <sstream>
#include <vector>

namespace {

constexpr size_t connections = 20;

/* Ways to give a socket all it takes without waiting; each returns how many bytes that was. */
using Filler = std::function<size_t(int socket)>;

size_t until_it_would_wait(const std::function<Result()> &send)
{
	size_t sent = 0;

	for (Result result = {0};; sent += result.bytes()) {
		result = send();
		if (result == failed(EAGAIN))
			return sent;
		require(result.value > 0,
			"a socket takes nothing: " + std::to_string(result.value));
	}
}

size_t from_stock_pipe(int socket)
{
	Pipe pipe = make_stock_pipe();

	return until_it_would_wait([&] {
		if (!unread(pipe.in()))
			put(pipe.out(), pattern(default_capacity));
		return result_of(
			::splice(pipe.in(), nullptr, socket, nullptr, default_capacity, 0));
	});
}

size_t from_private_pipe(int socket)
{
	Pipe pipe = make_pipe();

	return until_it_would_wait([&] {
		if (!unread(pipe.in()))
			put(pipe.out(), pattern(default_capacity));
		return do_splice(pipe.in(), socket, default_capacity);
	});
}

size_t by_sendfile(int socket)
{
	File file(on_tmpfs, pattern(default_capacity));
	off64_t offset = 0;

	return until_it_would_wait([&] {
		offset %= off64_t(default_capacity);
		return backend().sendfile(socket, file.fd(), &offset, default_capacity);
	});
}

size_t by_direct_sendfile(int socket)
{
	File file(on_tmpfs, pattern(default_capacity));
	off64_t offset = 0;

	return until_it_would_wait([&] {
		privpipe_sendfile args = {
			.size = sizeof(args),
			.flags = PRIVPIPE_F_DIRECT,
			.fd_in = file.fd(),
			.fd_out = socket,
			.off = abi_address(&offset),
			.count = default_capacity,
		};

		offset %= off64_t(default_capacity);
		return private_backend().command(private_backend().device(), PRIVPIPE_SENDFILE,
						 &args);
	});
}

/* Of TCP the far side takes next to nothing; the near side never waits. */
Connection connect_stuck(Kind kind)
{
	Connection c = connect_kind(kind, true);
	const int least = 1, most = 400000;

	if (kind == Kind::tcp)
		checked(setsockopt(c.far.get(), SOL_SOCKET, SO_RCVBUF, &least, sizeof(least)),
			"SO_RCVBUF");
	checked(setsockopt(c.near.get(), SOL_SOCKET, SO_SNDBUF, &most, sizeof(most)), "SO_SNDBUF");
	set_status_flag(c.near.get(), O_NONBLOCK);
	return c;
}

/* Pages that TCP counts against net.ipv4.tcp_mem. */
size_t tcp_pages()
{
	std::ifstream file("/proc/net/sockstat");

	for (std::string line; std::getline(file, line);)
		if (line.starts_with("TCP:"))
			return std::stoul(line.substr(line.find(" mem ") + 5));
	throw_errno("no TCP in /proc/net/sockstat", ENOENT);
}

struct Charged {
	size_t bytes; /* accepted */
	size_t pages; /* counted for them */
};

/* Fills sockets; @pages says how many are charged. */
Charged fill_sockets(Kind kind, const Filler &filler, const std::function<size_t()> &pages)
{
	std::vector<Connection> all;
	Charged charged = {};

	for (size_t i = 0; i < connections; i++)
		all.push_back(connect_stuck(kind));

	const size_t before = pages();

	for (const Connection &c : all)
		charged.bytes += filler(c.near.get());
	charged.pages = pages() - before;
	return charged;
}

/* In words, so that a child of the test can say it, too. */
std::string differs(const Charged &stock, const Charged &tested)
{
	const double ratio = double(tested.pages) / double(tested.bytes) * double(stock.bytes) /
			     double(stock.pages);

	/* So many that the mebibyte which each CPU keeps to itself does not matter. */
	if (stock.pages > 1000 && ratio > 0.5 && ratio < 2)
		return "";

	std::ostringstream said;

	said << stock.bytes << " bytes cost " << stock.pages << " pages on stock, " << tested.bytes
	     << " cost " << tested.pages;
	return said.str();
}

} // namespace

struct Sending {
	const char *name;
	size_t (*fill)(int socket);

	friend void PrintTo(const Sending &sending, std::ostream *out) { *out << sending.name; }
};

class SentToTcp : public testing::TestWithParam<Sending> {};

TEST_P(SentToTcp, CountsAgainstTcpMemAsOnStock)
{
	const Charged stock = fill_sockets(Kind::tcp, from_stock_pipe, tcp_pages);

	EXPECT_EQ(differs(stock, fill_sockets(Kind::tcp, GetParam().fill, tcp_pages)), "");
}

/* Where TCP has no memory to give, a socket says EAGAIN, and not much sooner than on stock. */
TEST_P(SentToTcp, IsTakenAsOnStockAtTcpMem)
{
	const size_t limit = tcp_pages() + 1200;
	Setting tcp_mem("/proc/sys/net/ipv4/tcp_mem", std::to_string(limit) + " " +
							      std::to_string(limit) + " " +
							      std::to_string(limit));
	const Charged stock = fill_sockets(Kind::tcp, from_stock_pipe, tcp_pages);
	const Charged tested = fill_sockets(Kind::tcp, GetParam().fill, tcp_pages);

	EXPECT_GE(tested.bytes, stock.bytes / 2);
}

TEST_P(SentToTcp, IsTheCgroupsAsOnStock)
{
	Cgroup group;

	EXPECT_EQ(in_child([&] {
			  auto sock = [&] { return group.stat("sock") / page_size; };

			  group.enter();

			  const Charged stock = fill_sockets(Kind::tcp, from_stock_pipe, sock);
			  const Charged tested = fill_sockets(Kind::tcp, GetParam().fill, sock);

			  require(differs(stock, tested).empty(), differs(stock, tested));
		  }),
		  "");
}

INSTANTIATE_TEST_SUITE_P(Ways, SentToTcp,
			 testing::Values(Sending{"pipe", from_private_pipe},
					 Sending{"sendfile", by_sendfile},
					 Sending{"direct_sendfile", by_direct_sendfile}),
			 testing::PrintToStringParamName());

/* Without memory for TCP a call waits as on stock, and goes on when there is some. */
TEST(SentToTcpWithoutMemory, ArrivesOnceThePeerReads)
{
	const std::string bytes = pattern(1 << 20);
	const size_t limit = tcp_pages() + 100;
	Setting tcp_mem("/proc/sys/net/ipv4/tcp_mem", std::to_string(limit) + " " +
							      std::to_string(limit) + " " +
							      std::to_string(limit));
	Target target(Kind::tcp);
	Pipe pipe = make_pipe(0, 1 << 20);

	for (size_t done = 0; done < bytes.size(); done += default_capacity) {
		put(pipe.out(), std::string_view(bytes).substr(done, default_capacity));
		while (unread(pipe.in()))
			ASSERT_GT(do_splice(pipe.in(), target.fd(), default_capacity).value, 0);
	}
	EXPECT_TRUE(same(target.take(bytes.size()), bytes));
}

class OneByteOfAFolio : public testing::TestWithParam<Kind> {};

/* Each of 64 KiB that were written, but for the last byte read again. */
TEST_P(OneByteOfAFolio, PinsNoMoreThanTwoPages)
{
	constexpr size_t slack = 4 << 20; /* for recycled folios, and counters updated in batches */
	Cgroup group;

	EXPECT_EQ(in_child([&] {
			  group.enter();

			  Pipe pipe = make_pipe();
			  Connection c = connect_stuck(GetParam());
			  const std::string bytes = pattern(default_capacity);
			  const size_t before = group.current();
			  size_t sent = 0;

			  while (sent < 1000) {
				  put(pipe.out(), bytes);
				  get(pipe.in(), default_capacity - 1);
				  if (do_splice(pipe.in(), c.near.get(), 1) != moved(1))
					  break;
				  sent++;
			  }

			  const size_t pinned = group.current() - before;

			  require(sent > 150, std::to_string(sent) + " sent");
			  require(pinned < sent * 2 * page_size + slack,
				  std::to_string(pinned) + " bytes for " + std::to_string(sent));
		  }),
		  "");
}

INSTANTIATE_TEST_SUITE_P(Sockets, OneByteOfAFolio, testing::Values(Kind::unix_stream),
			 testing::PrintToStringParamName());

/* A file that says that it is empty makes room for much, and has a few bytes. */
TEST(ShortFile, PinsNoMoreThanTwoPagesBySendfile)
{
	constexpr size_t slack = 4 << 20;
	Cgroup group;

	EXPECT_EQ(in_child([&] {
			  group.enter();

			  Connection c = connect_stuck(Kind::tcp);
			  Fd file(open("/proc/version", O_RDONLY | O_CLOEXEC), "open");
			  const size_t before = group.current();

			  for (int i = 0; i < 500; i++) {
				  off64_t offset = 0;

				  require(backend().sendfile(c.near.get(), file.get(), &offset,
							     default_capacity)
							  .value > 0,
					  "nothing sent");
			  }

			  const size_t pinned = group.current() - before;

			  require(pinned < 500 * 2 * page_size + slack,
				  std::to_string(pinned) + " bytes");
		  }),
		  "");
}
