// SPDX-License-Identifier: GPL-2.0
/* Every call that can wait: the reason, the end of the wait, and the bytes moved by then. */
#include "pipe/kinds.hh"
#include "pipe/signals.hh"
#include "support/async.hh"
#include "support/files.hh"

#include <gtest/gtest.h>

#include <poll.h>
#include <sys/socket.h>

namespace {

/* The things a waiting call may be made with; both pipes have one page. */
struct Scene {
	Pipe pipe = make_pipe(0, page_size);
	Pipe other = make_pipe(0, page_size);
	Connection socket;
	Fd zero = open_seekable(Kind::zero, "");
	Fd null = open_seekable(Kind::null, "");
	File file{on_tmpfs, pattern(page_size)};
	Mapping memory{page_size};

	/* A call that moved nothing leaves this sum as it is. */
	size_t bytes_in_pipes() const { return unread(pipe.in()) + unread(other.in()); }
};

/* A call that waits in a scene, and the ends of its wait. */
struct Wait {
	const char *name;
	void (*prepare)(Scene &);
	Result (*call)(Scene &, unsigned flags);
	void (*relieve)(Scene &);
	Result relieved;
	void (*abandon)(Scene &); /* the other side goes away */
	Result abandoned;
	bool takes_flags = true;

	friend void PrintTo(const Wait &wait, std::ostream *out) { *out << wait.name; }
};

void leave(Scene &) {}

void fill_pipe(Scene &scene)
{
	fill(scene.pipe);
}

void put_abc(Scene &scene)
{
	put(scene.pipe.out(), "abc");
}

void make_room(Scene &scene)
{
	get(scene.pipe.in(), page_size);
}

void close_writer(Scene &scene)
{
	scene.pipe.write_end.reset();
}

void close_reader(Scene &scene)
{
	scene.pipe.read_end.reset();
}

/* For calls from `pipe` to `other`. */
void put_abc_and_fill_other(Scene &scene)
{
	put(scene.pipe.out(), "abc");
	fill(scene.other);
}

void make_room_in_other(Scene &scene)
{
	get(scene.other.in(), page_size);
}

void close_other_reader(Scene &scene)
{
	scene.other.read_end.reset();
}

/* For calls from a socket to `pipe`. */
template <Kind kind>
void connect_it(Scene &scene)
{
	scene.socket = connect_kind(kind, false);
}

void send_abc(Scene &scene)
{
	put(scene.socket.far.get(), "abc");
}

void close_far(Scene &scene)
{
	scene.socket.far.reset();
}

const Wait waits[] = {
	{"read", leave,
	 [](Scene &s, unsigned) { return backend().read(s.pipe.in(), s.memory.data(), 100); },
	 put_abc, moved(3), close_writer, moved(0), false},
	{"write", fill_pipe,
	 [](Scene &s, unsigned) { return backend().write(s.pipe.out(), "abc", 3); }, make_room,
	 moved(3), close_reader, failed(EPIPE), false},
	{"splice_to_null", leave,
	 [](Scene &s, unsigned flags) { return do_splice(s.pipe.in(), s.null.get(), 100, flags); },
	 put_abc, moved(3), close_writer, moved(0)},
	{"splice_to_file", leave,
	 [](Scene &s, unsigned flags) { return do_splice(s.pipe.in(), s.file.fd(), 100, flags); },
	 put_abc, moved(3), close_writer, moved(0)},
	{"splice_to_tcp", connect_it<Kind::tcp>,
	 [](Scene &s, unsigned flags) {
		 return do_splice(s.pipe.in(), s.socket.near.get(), 100, flags);
	 },
	 put_abc, moved(3), close_writer, moved(0)},
	{"splice_from_zero", fill_pipe,
	 [](Scene &s, unsigned flags) { return do_splice(s.zero.get(), s.pipe.out(), 100, flags); },
	 make_room, moved(100), close_reader, failed(EPIPE)},
	{"splice_from_file", fill_pipe,
	 [](Scene &s, unsigned flags) {
		 return do_splice(s.file.fd(), s.pipe.out(), 3 * page_size, flags);
	 },
	 make_room, moved(page_size), close_reader, failed(EPIPE)},
	{"splice_from_empty_pipe", leave,
	 [](Scene &s, unsigned flags) { return do_splice(s.pipe.in(), s.other.out(), 100, flags); },
	 put_abc, moved(3), close_writer, moved(0)},
	{"splice_to_full_pipe", put_abc_and_fill_other,
	 [](Scene &s, unsigned flags) { return do_splice(s.pipe.in(), s.other.out(), 100, flags); },
	 make_room_in_other, moved(3), close_other_reader, failed(EPIPE)},
	{"vmsplice_in", fill_pipe,
	 [](Scene &s, unsigned flags) { return do_vmsplice(s.pipe.out(), s.memory.view(), flags); },
	 make_room, moved(page_size), close_reader, failed(EPIPE)},
	{"vmsplice_out", leave,
	 [](Scene &s, unsigned flags) { return do_vmsplice(s.pipe.in(), s.memory.view(), flags); },
	 put_abc, moved(3), close_writer, moved(0)},
	{"tee_from_empty_pipe", leave,
	 [](Scene &s, unsigned flags) { return do_tee(s.pipe.in(), s.other.out(), 100, flags); },
	 put_abc, moved(3), close_writer, moved(0)},
	{"tee_to_full_pipe", put_abc_and_fill_other,
	 [](Scene &s, unsigned flags) { return do_tee(s.pipe.in(), s.other.out(), 100, flags); },
	 make_room_in_other, moved(3), close_other_reader, failed(EPIPE)},
	{"sendfile_to_pipe", fill_pipe,
	 [](Scene &s, unsigned) { return do_sendfile(s.pipe.out(), s.file.fd(), 100); }, make_room,
	 moved(100), close_reader, failed(EPIPE), false},
};

/* Waits for the source, not for the pipe; SPLICE_F_NONBLOCK is about the pipe only. */
const Wait socket_waits[] = {
	{"tcp", connect_it<Kind::tcp>,
	 [](Scene &s, unsigned flags) {
		 return do_splice(s.socket.near.get(), s.pipe.out(), 100, flags);
	 },
	 send_abc, moved(3), close_far, moved(0)},
	{"udp", connect_it<Kind::udp>,
	 [](Scene &s, unsigned flags) {
		 return do_splice(s.socket.near.get(), s.pipe.out(), 100, flags);
	 },
	 send_abc, moved(3), send_abc, moved(3)},
};

/* An AF_UNIX socket takes SPLICE_F_NONBLOCK for itself, too. */
const Wait unix_wait = {"unix_stream",
			connect_it<Kind::unix_stream>,
			[](Scene &s, unsigned flags) {
				return do_splice(s.socket.near.get(), s.pipe.out(), 100, flags);
			},
			send_abc,
			moved(3),
			close_far,
			moved(0)};

} // namespace

class Waiting : public testing::TestWithParam<Wait> {
protected:
	Waiting() { GetParam().prepare(scene); }
	Result call(unsigned flags = 0) { return GetParam().call(scene, flags); }

	Scene scene;
};

TEST_P(Waiting, GoesOnAsSoonAsItCan)
{
	Async waiting{[&] { return call(); }};

	ASSERT_TRUE(waiting.waits());
	GetParam().relieve(scene);
	EXPECT_EQ(waiting.get(), GetParam().relieved);
}

TEST_P(Waiting, EndsWhenTheOtherSideGoes)
{
	CatchSignal sigpipe(SIGPIPE);
	Async waiting{[&] { return call(); }};

	ASSERT_TRUE(waiting.waits());
	GetParam().abandon(scene);
	EXPECT_EQ(waiting.get(), GetParam().abandoned);
	if (GetParam().abandoned == failed(EPIPE)) {
		EXPECT_TRUE(was_sent(sigpipe));
	}
}

TEST_P(Waiting, IsEintrAfterASignalAndHasMovedNothing)
{
	CatchSignal usr1(SIGUSR1);
	const size_t before = scene.bytes_in_pipes();
	Async waiting{[&] { return call(); }};

	ASSERT_TRUE(waiting.waits());
	waiting.interrupt();
	EXPECT_EQ(waiting.get(), failed(EINTR));
	EXPECT_EQ(scene.bytes_in_pipes(), before);
	EXPECT_EQ(scene.file.position(), 0);
	/* And it can be made again. */
	GetParam().relieve(scene);
	EXPECT_EQ(call(), GetParam().relieved);
}

TEST_P(Waiting, IsRepeatedAfterASignalWithSaRestart)
{
	CatchSignal usr1(SIGUSR1, SA_RESTART);
	Async waiting{[&] { return call(); }};

	ASSERT_TRUE(waiting.waits());
	waiting.interrupt();
	while (!usr1.count())
		sched_yield();
	if (!expected().restarts) {
		EXPECT_EQ(waiting.get(), failed(EINTR));
		return;
	}
	EXPECT_TRUE(waiting.waits());
	GetParam().relieve(scene);
	EXPECT_EQ(waiting.get(), GetParam().relieved);
}

INSTANTIATE_TEST_SUITE_P(ForThePipe, Waiting, testing::ValuesIn(waits),
			 testing::PrintToStringParamName());
INSTANTIATE_TEST_SUITE_P(ForTheSource, Waiting, testing::ValuesIn(socket_waits),
			 testing::PrintToStringParamName());
INSTANTIATE_TEST_SUITE_P(ForAUnixSource, Waiting, testing::Values(unix_wait));

class NotWaiting : public Waiting {};

TEST_P(NotWaiting, SpliceFNonblockIsEagain)
{
	if (!GetParam().takes_flags) {
		set_status_flag(scene.pipe.in(), O_NONBLOCK);
		set_status_flag(scene.pipe.out(), O_NONBLOCK);
	}

	const size_t before = scene.bytes_in_pipes();

	EXPECT_EQ(call(SPLICE_F_NONBLOCK), failed(EAGAIN));
	EXPECT_EQ(scene.bytes_in_pipes(), before);
	EXPECT_EQ(scene.file.position(), 0);
}

INSTANTIATE_TEST_SUITE_P(ForThePipe, NotWaiting, testing::ValuesIn(waits),
			 testing::PrintToStringParamName());
INSTANTIATE_TEST_SUITE_P(ForAUnixSource, NotWaiting, testing::Values(unix_wait));

class NonblockingEnds : public Waiting {};

TEST_P(NonblockingEnds, ONonblockOfThePipesCountsForAllButVmsplice)
{
	const bool counts = !std::string_view(GetParam().name).starts_with("vmsplice");

	for (int end : {scene.pipe.in(), scene.pipe.out(), scene.other.in(), scene.other.out()})
		set_status_flag(end, O_NONBLOCK);
	if (counts) {
		EXPECT_EQ(call(), failed(EAGAIN));
		return;
	}

	Async waiting{[&] { return call(); }};

	ASSERT_TRUE(waiting.waits());
	for (int end : {scene.pipe.in(), scene.pipe.out()})
		set_status_flag(end, O_NONBLOCK, false);
	GetParam().relieve(scene);
	EXPECT_EQ(waiting.get(), GetParam().relieved);
}

INSTANTIATE_TEST_SUITE_P(ForThePipe, NonblockingEnds, testing::ValuesIn(waits),
			 testing::PrintToStringParamName());

/* Either end of a pipe-to-pipe call is enough. */
class OneNonblockingEnd : public Waiting {};

TEST_P(OneNonblockingEnd, IsEnoughForEagain)
{
	set_status_flag(scene.pipe.in(), O_NONBLOCK);
	EXPECT_EQ(call(), failed(EAGAIN));
	set_status_flag(scene.pipe.in(), O_NONBLOCK, false);
	set_status_flag(scene.other.out(), O_NONBLOCK);
	EXPECT_EQ(call(), failed(EAGAIN));
}

static std::vector<Wait> between_pipes()
{
	std::vector<Wait> some;

	for (const Wait &wait : waits)
		if (std::string_view(wait.name).ends_with("y_pipe") ||
		    std::string_view(wait.name).ends_with("l_pipe"))
			some.push_back(wait);
	return some;
}

INSTANTIATE_TEST_SUITE_P(BetweenPipes, OneNonblockingEnd, testing::ValuesIn(between_pipes()),
			 testing::PrintToStringParamName());

class NonblockAndTheSource : public Waiting {};

TEST_P(NonblockAndTheSource, SpliceFNonblockSaysNothingAboutTheSource)
{
	Async waiting{[&] { return call(SPLICE_F_NONBLOCK); }};

	ASSERT_TRUE(waiting.waits());
	GetParam().relieve(scene);
	EXPECT_EQ(waiting.get(), GetParam().relieved);
}

TEST_P(NonblockAndTheSource, ONonblockOfTheSourceIsEagain)
{
	set_status_flag(scene.socket.near.get(), O_NONBLOCK);
	EXPECT_EQ(call(), failed(EAGAIN));
}

INSTANTIATE_TEST_SUITE_P(ForTheSource, NonblockAndTheSource, testing::ValuesIn(socket_waits),
			 testing::PrintToStringParamName());

/* A call that has moved something says how much when a signal comes. */
class InterruptedHalfWay : public testing::Test {
protected:
	CatchSignal usr1{SIGUSR1};
	Connection tcp = connect_kind(Kind::tcp, true);
	const std::string bytes = pattern(1 << 20);

	/* Something is under way: a call that waits may only wait for its worker to begin. */
	bool sends()
	{
		pollfd ready = {.fd = tcp.far.get(), .events = POLLIN, .revents = 0};

		return poll(&ready, 1, 10000) == 1;
	}

	/* All bytes that the peer got, once nothing more will come. */
	std::string received()
	{
		std::string all;
		std::string chunk(default_capacity, '\0');

		tcp.near.reset();
		for (ssize_t n; (n = read(tcp.far.get(), chunk.data(), chunk.size())) > 0;)
			all.append(chunk, 0, static_cast<size_t>(n));
		return all;
	}

	/* One buffer's worth: a megabyte does not fit. */
	void SetUp() override
	{
		int size = 16384;

		setsockopt(tcp.near.get(), SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
		setsockopt(tcp.far.get(), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	}
};

TEST_F(InterruptedHalfWay, WriteIsShort)
{
	Pipe pipe = make_pipe();
	Async writing{[&] { return result_of(write(pipe.out(), bytes.data(), bytes.size())); }};

	ASSERT_TRUE(writing.waits());
	writing.interrupt();
	EXPECT_EQ(writing.get(), moved(default_capacity));
	EXPECT_TRUE(same(drain(pipe.in()), pattern(default_capacity)));
}

TEST_F(InterruptedHalfWay, SpliceToASocketIsShortAndTheRestStaysInThePipe)
{
	Pipe pipe = make_pipe(0, 1 << 20);

	put(pipe.out(), bytes);

	Async sending{[&] { return do_splice(pipe.in(), tcp.near.get(), bytes.size()); }};

	ASSERT_TRUE(sends() && sending.waits());
	sending.interrupt();

	Result sent = sending.get();

	EXPECT_GT(sent.value, 0);
	EXPECT_TRUE(same(received(), bytes.substr(0, sent.bytes())));
	EXPECT_TRUE(same(drain(pipe.in()), bytes.substr(sent.bytes())));
}

TEST_F(InterruptedHalfWay, SendfileToASocketIsShortAndTheOffsetSaysWhere)
{
	File file(on_ext4, bytes);
	off64_t offset = 0;
	Async sending{[&] {
		return backend().sendfile(tcp.near.get(), file.fd(), &offset, bytes.size());
	}};

	ASSERT_TRUE(sends() && sending.waits());
	sending.interrupt();

	Result sent = sending.get();

	EXPECT_GT(sent.value, 0);
	EXPECT_EQ(offset, sent.value);
	EXPECT_EQ(file.position(), 0);
	EXPECT_TRUE(same(received(), bytes.substr(0, sent.bytes())));
}
