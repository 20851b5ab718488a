// SPDX-License-Identifier: MIT
// privpipe copy as a user runs it: TCP connections.

#include "directory.h"
#include "peer.h"
#include "process.h"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

using namespace std::chrono_literals;
using privpipe::Fd;

namespace {

class Tcp : public InDirectory {
protected:
	const std::string text = text_of(3000000);
	const std::string port = Peer::free_port();
};

using Sender = Tcp;
using Receiver = Tcp;

class Listening : public Tcp, public testing::WithParamInterface<const char *> {};

} // namespace

TEST_F(Sender, SendsEverythingToAnAddress)
{
	const Listener listener;
	Process copy({"copy", make("source", text), listener.name()});
	Peer peer = listener.accept();

	EXPECT_EQ(peer.receive(), text);
	peer.close();
	const Outcome end = copy.wait();
	EXPECT_EQ(end.code(), 0) << end.err;
	EXPECT_TRUE(end.complains_of("3000000 bytes")) << end.err;
}

TEST_F(Sender, LosesNothingWhenItIsSentSomething)
{
	const Listener listener;
	Process copy({"copy", make("source", text), listener.name()});
	Peer peer = listener.accept();

	peer.send("hello\n");
	EXPECT_EQ(peer.receive(), text);
	peer.close();
	EXPECT_EQ(copy.wait().code(), 0);
}

TEST_F(Sender, FailsWhenTheReceiverDoesNotWantEverything)
{
	const Listener listener;
	Process copy({"copy", make("source", text_of(60000)), listener.name()});
	Peer peer = listener.accept();

	EXPECT_EQ(peer.receive(10), text.substr(0, 10));
	peer.close();
	const Outcome end = copy.wait();
	EXPECT_EQ(end.code(), 1);
	EXPECT_TRUE(end.complains_of("'" + listener.name() + "'")) << end.err;
	EXPECT_TRUE(end.complains_of("Connection reset by peer") || end.complains_of("Broken pipe"))
		<< end.err;
}

TEST_F(Sender, WaitsUntilTheReceiverCloses)
{
	const Listener listener;
	Process copy({"copy", make("source", "text"), listener.name()});
	Peer peer = listener.accept();

	EXPECT_EQ(peer.receive(), "text");
	EXPECT_FALSE(copy.ends_within(300ms));
	peer.close();
	EXPECT_EQ(copy.wait().code(), 0);
}

TEST_F(Sender, FailsWhenTheReceiverNeverCloses)
{
	const Listener listener;
	Process copy({"copy", "--wait=0.2", make("source", "text"), listener.name()});
	const Peer peer = listener.accept();
	const Outcome end = copy.wait();

	EXPECT_EQ(end.code(), 1);
	EXPECT_TRUE(end.complains_of("has not closed the connection")) << end.err;
}

TEST_F(Sender, ThatIsInterruptedOrKilledIsNotTheEndOfTheStream)
{
	ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
	const Fd writer(::open(path("fifo").c_str(), O_RDWR | O_CLOEXEC));
	for (const int signal : {SIGTERM, SIGKILL}) {
		const Listener listener;
		Process copy({"copy", path("fifo"), listener.name()});
		const Peer peer = listener.accept();

		ASSERT_EQ(::write(writer.get(), "text", 4), 4);
		EXPECT_EQ(peer.receive(4), "text");
		copy.signal(signal);
		EXPECT_EQ(copy.wait().code(), 128 + signal);
		EXPECT_EQ(peer.error_at_the_end(), ECONNRESET);
	}
}

TEST_F(Sender, ConnectsByIpv6)
{
	Process receiving({"copy", ":" + port, path("target")});
	ASSERT_TRUE(eventually([&] { return listens("tcp6", std::string(32, '0'), port); }));
	const Outcome end = run({"copy", make("source", text), "[::1]:" + port});

	EXPECT_EQ(end.code(), 0) << end.err;
	EXPECT_EQ(receiving.wait().code(), 0);
	EXPECT_EQ(content("target"), text);
}

TEST_F(Sender, NamesWhatItCannotReach)
{
	const Outcome refused = run({"copy", make("source", text), "127.0.0.1:" + port});
	EXPECT_EQ(refused.code(), 1);
	EXPECT_TRUE(refused.complains_of("cannot connect to '127.0.0.1:" + port +
					 "': Connection refused"))
		<< refused.err;
}

TEST_P(Listening, AcceptsAConnection)
{
	Process copy({"copy", ":" + port, path("target")});
	Peer peer = Peer::connect(GetParam(), port);

	peer.send(text);
	peer.finish();
	// The command ends its own stream after the file has its final name.
	EXPECT_EQ(peer.receive(), "");
	EXPECT_EQ(content("target"), text);
	EXPECT_EQ(copy.wait().code(), 0);
}

TEST_P(Listening, SendsToAConnection)
{
	Process copy({"copy", make("source", text), ":" + port});
	Peer peer = Peer::connect(GetParam(), port);

	EXPECT_EQ(peer.receive(), text);
	peer.close();
	EXPECT_EQ(copy.wait().code(), 0);
}

INSTANTIATE_TEST_SUITE_P(On, Listening, testing::Values("127.0.0.1", "::1"),
			 [](const auto &address) { return address.index ? "IPv6" : "IPv4"; });

TEST_F(Receiver, ListensOnTheAddressThatIsGiven)
{
	Process copy({"copy", "--bind=127.0.0.1", ":" + port, path("target")});

	EXPECT_TRUE(eventually([&] { return listens("tcp", "0100007F", port); }));
	EXPECT_FALSE(listens("tcp", "00000000", port));
	EXPECT_FALSE(listens("tcp6", std::string(32, '0'), port));
	Peer::connect("127.0.0.1", port).close();
	EXPECT_EQ(copy.wait().code(), 0);

	const Outcome end = run({"copy", "--bind=192.0.2.1", ":" + port, path("target")});
	EXPECT_EQ(end.code(), 1);
	EXPECT_TRUE(end.complains_of("Cannot assign requested address")) << end.err;
}

TEST_F(Receiver, TellsThatThePortIsTaken)
{
	const Listener listener;
	const std::string taken = listener.name().substr(listener.name().find(':'));
	const Outcome end = run({"copy", taken, path("target")});

	EXPECT_EQ(end.code(), 1);
	EXPECT_TRUE(end.complains_of("cannot listen on '" + taken + "': Address already in use"))
		<< end.err;
}

TEST_F(Receiver, AcceptsAgainAfterAFailure)
{
	Process copy({"copy", ":" + port, path("target")});
	ASSERT_TRUE(eventually([&] { return listens("tcp6", std::string(32, '0'), port); }));

	// No descriptor is left for the connection at first.
	rlimit before{};
	ASSERT_EQ(::prlimit(copy.pid(), RLIMIT_NOFILE, nullptr, &before), 0);
	const rlimit none{3, before.rlim_max};
	ASSERT_EQ(::prlimit(copy.pid(), RLIMIT_NOFILE, &none, nullptr), 0);
	Peer peer = Peer::connect("127.0.0.1", port);
	EXPECT_FALSE(copy.ends_within(300ms));
	ASSERT_EQ(::prlimit(copy.pid(), RLIMIT_NOFILE, &before, nullptr), 0);
	peer.send(text);
	peer.finish();
	EXPECT_EQ(copy.wait().code(), 0);
	EXPECT_EQ(content("target"), text);
}

TEST_F(Receiver, KeepsTheTargetWhenTheSenderIsReset)
{
	make("target", "precious");
	ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
	const Fd writer(::open(path("fifo").c_str(), O_RDWR | O_CLOEXEC));
	Process receiving({"copy", ":" + port, path("target")});
	ASSERT_TRUE(eventually([&] { return listens("tcp6", std::string(32, '0'), port); }));
	Process sending({"copy", path("fifo"), "127.0.0.1:" + port});
	ASSERT_EQ(::write(writer.get(), "text", 4), 4);
	ASSERT_TRUE(eventually([&] { return names().size() == 3; }));
	sending.signal(SIGKILL);
	const Outcome end = receiving.wait();

	EXPECT_EQ(end.code(), 1);
	EXPECT_TRUE(end.complains_of("cannot read ':" + port + "': Connection reset by peer"))
		<< end.err;
	EXPECT_EQ(content("target"), "precious");
	EXPECT_EQ(names(), (std::set<std::string>{"target", "fifo"}));
}

TEST_F(Receiver, ThatFailsTellsTheSender)
{
	// The command reads everything, but can't write it: this device does not support splice.
	Process receiving({"copy", ":" + port, "/dev/full"});
	ASSERT_TRUE(eventually([&] { return listens("tcp6", std::string(32, '0'), port); }));
	const Outcome end = run({"copy", make("source", "text"), "127.0.0.1:" + port});

	EXPECT_EQ(receiving.wait().code(), 1);
	EXPECT_EQ(end.code(), 1);
	EXPECT_TRUE(end.complains_of("Connection reset by peer")) << end.err;
}
