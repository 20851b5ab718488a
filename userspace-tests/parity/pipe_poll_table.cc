// SPDX-License-Identifier: GPL-2.0
/*
 * Every way to ask for every event in every state of a pipe: what is said at once, who is woken by
 * a change of state, and who is not. The tables hold for a stock pipe on the kernel that runs.
 */
#include "pipe/kinds.hh"
#include "pipe/pipe.hh"
#include "pipe/signals.hh"
#include "support/async.hh"
#include "support/ring.hh"

#include <gtest/gtest.h>

#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include <array>
#include <optional>
#include <tuple>

namespace {

constexpr uint32_t in = EPOLLIN | EPOLLRDNORM;
constexpr uint32_t out = EPOLLOUT | EPOLLWRNORM;
constexpr uint32_t always = EPOLLHUP | EPOLLERR;
constexpr int forever = -1;

/* The events to ask for, one by one and together; POLLHUP and POLLERR need not be asked for. */
const std::vector<uint32_t> requests = {
	0,
	EPOLLIN,
	EPOLLOUT,
	EPOLLRDHUP,
	EPOLLHUP,
	EPOLLERR,
	EPOLLPRI,
	EPOLLRDNORM,
	EPOLLWRNORM,
	EPOLLRDBAND,
	EPOLLWRBAND,
	EPOLLMSG,
	EPOLLIN | EPOLLOUT,
	EPOLLIN | EPOLLRDHUP,
	in | out | always | EPOLLRDHUP | EPOLLPRI,
};

/* Those that one may wait for; the others differ from them in nothing. */
const std::vector<uint32_t> waits_for = {
	0,        EPOLLIN,     EPOLLOUT,           EPOLLRDHUP,
	EPOLLPRI, EPOLLWRNORM, EPOLLIN | EPOLLOUT, in | out | always | EPOLLRDHUP | EPOLLPRI,
};

/** The events that an end of a pipe reports when asked for @asked. */
uint32_t told(uint32_t state, uint32_t asked)
{
	return state & (asked | always);
}

/*
 * Ways to ask. Each returns what it was told, 0 for nothing; @timeout is 0 or `forever`, and a
 * signal ends the wait.
 */
struct Way {
	const char *name;
	uint32_t (*ask)(int fd, uint32_t asked, int timeout);
	uint32_t (*expected)(uint32_t state, uint32_t asked) = told;
	bool (*knows)(uint32_t asked) = [](uint32_t) { return true; };
	bool at_once = true; /* can be asked without waiting */

	friend void PrintTo(const Way &way, std::ostream *os) { *os << way.name; }
};

uint32_t by_poll(int fd, uint32_t asked, int timeout)
{
	pollfd entry = {.fd = fd, .events = static_cast<short>(asked), .revents = 0};

	return poll(&entry, 1, timeout) > 0 ? static_cast<uint16_t>(entry.revents) : 0;
}

uint32_t by_ppoll(int fd, uint32_t asked, int timeout)
{
	pollfd entry = {.fd = fd, .events = static_cast<short>(asked), .revents = 0};
	const timespec now = {};

	return ppoll(&entry, 1, timeout ? nullptr : &now, nullptr) > 0
		       ? static_cast<uint16_t>(entry.revents)
		       : 0;
}

/* The three sets of select(2) stand for these. */
constexpr uint32_t read_set = in | EPOLLRDBAND | EPOLLHUP | EPOLLERR;
constexpr uint32_t write_set = out | EPOLLWRBAND | EPOLLERR;

uint32_t by_select(int fd, uint32_t asked, int timeout)
{
	std::array<fd_set, 3> sets;
	timeval now = {};
	auto add = [&](size_t i, bool on) {
		FD_ZERO(&sets[i]);
		if (on)
			FD_SET(fd, &sets[i]);
	};

	add(0, asked & in);
	add(1, asked & out);
	add(2, asked & EPOLLPRI);
	if (select(fd + 1, &sets[0], &sets[1], &sets[2], timeout ? nullptr : &now) <= 0)
		return 0;
	return (FD_ISSET(fd, &sets[0]) ? EPOLLIN : 0u) | (FD_ISSET(fd, &sets[1]) ? EPOLLOUT : 0u) |
	       (FD_ISSET(fd, &sets[2]) ? EPOLLPRI : 0u);
}

uint32_t told_by_select(uint32_t state, uint32_t asked)
{
	return (asked & in && state & read_set ? EPOLLIN : 0u) |
	       (asked & out && state & write_set ? EPOLLOUT : 0u);
}

template <uint32_t flags>
uint32_t by_epoll(int fd, uint32_t asked, int timeout)
{
	Fd epoll(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
	epoll_event event = {.events = asked | flags, .data = {.fd = fd}};

	checked(epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event), "EPOLL_CTL_ADD");
	return epoll_wait(epoll.get(), &event, 1, timeout) > 0 ? event.events : 0;
}

bool known_to_exclusive(uint32_t asked)
{
	return !(asked & ~uint32_t(EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP));
}

uint32_t by_uring(int fd, uint32_t asked, int)
{
	return static_cast<uint32_t>(
		Ring::of_this_thread()
			.run([&](io_uring_sqe *sqe) { io_uring_prep_poll_add(sqe, fd, asked); })
			.bytes());
}

const Way ways[] = {
	{"poll", by_poll},
	{"ppoll", by_ppoll},
	{"select", by_select, told_by_select},
	{"epoll", by_epoll<0>},
	{"epoll_edge", by_epoll<EPOLLET>},
	{"epoll_oneshot", by_epoll<EPOLLONESHOT>},
	{"epoll_exclusive", by_epoll<EPOLLEXCLUSIVE>, told, known_to_exclusive},
	{"io_uring", by_uring, told, [](uint32_t) { return true; }, false},
};

/* A pipe with a third descriptor of it, which may be an end for both directions. */
struct Scene {
	Pipe pipe = make_pipe();
	Fd third;

	void open_third(int mode)
	{
		const Fd &held = pipe.read_end.get() >= 0 ? pipe.read_end : pipe.write_end;
		const std::string path = "/proc/self/fd/" + std::to_string(held.get());

		third = Fd(open(path.c_str(), mode | O_NONBLOCK | O_CLOEXEC), path);
	}
};

enum Which { reader, writer, third };

int which_fd(const Scene &scene, Which which)
{
	switch (which) {
	case reader:
		return scene.pipe.in();
	case writer:
		return scene.pipe.out();
	default:
		return scene.third.get();
	}
}

/* The events of each descriptor in a state; none if it is closed there. */
struct State {
	const char *name;
	void (*reach)(Scene &);
	std::optional<uint32_t> says[3];

	friend void PrintTo(const State &state, std::ostream *os) { *os << state.name; }
};

void write_one(Scene &scene)
{
	put(scene.pipe.out(), "x");
}

void fill_it(Scene &scene)
{
	fill(scene.pipe);
}

void close_reader(Scene &scene)
{
	scene.pipe.read_end.reset();
}

void close_writer(Scene &scene)
{
	scene.pipe.write_end.reset();
}

void close_both(Scene &scene)
{
	close_reader(scene);
	close_writer(scene);
}

/* Afterwards one end is open, for both directions. */
void keep_one_for_both(Scene &scene)
{
	scene.open_third(O_RDWR);
	close_both(scene);
}

/* What is open then is a new end of @mode, of a pipe that had none: its name was kept by O_PATH. */
void keep_only_new(Scene &scene, int mode)
{
	scene.open_third(O_PATH);
	close_both(scene);
	scene.pipe.read_end = std::move(scene.third);
	scene.open_third(mode);
	close_reader(scene);
}

void write_packet(Scene &scene)
{
	set_status_flag(scene.pipe.out(), O_DIRECT);
	put(scene.pipe.out(), "packet");
}

const State states[] = {
	{"empty", [](Scene &) {}, {0, out, {}}},
	{"one_byte", write_one, {in, out, {}}},
	{"full", fill_it, {in, 0, {}}},
	{"full_but_for_a_byte",
	 [](Scene &s) {
		 fill_it(s);
		 get(s.pipe.in(), 1);
	 },
	 {in, 0, {}}},
	{"full_but_for_a_page",
	 [](Scene &s) {
		 fill_it(s);
		 get(s.pipe.in(), page_size);
	 },
	 {in, out, {}}},
	{"emptied_again",
	 [](Scene &s) {
		 fill_it(s);
		 drain(s.pipe.in());
	 },
	 {0, out, {}}},
	{"grown",
	 [](Scene &s) {
		 fill_it(s);
		 backend().resize(s.pipe.out(), 2 * default_capacity);
	 },
	 {in, out, {}}},
	{"one_packet", write_packet, {in, out, {}}},
	{"full_of_packets",
	 [](Scene &s) {
		 write_packet(s);
		 fill_it(s);
	 },
	 {in, 0, {}}},
	{"no_writer", close_writer, {EPOLLHUP, {}, {}}},
	{"no_writer_but_bytes",
	 [](Scene &s) {
		 write_one(s);
		 close_writer(s);
	 },
	 {in | EPOLLHUP, {}, {}}},
	{"no_reader", close_reader, {{}, out | EPOLLERR, {}}},
	{"no_reader_and_full",
	 [](Scene &s) {
		 fill_it(s);
		 close_reader(s);
	 },
	 {{}, EPOLLERR, {}}},
	{"a_new_writer",
	 [](Scene &s) {
		 close_writer(s);
		 s.open_third(O_WRONLY);
	 },
	 {0, {}, out}},
	{"a_new_reader",
	 [](Scene &s) {
		 close_reader(s);
		 s.open_third(O_RDONLY);
	 },
	 {{}, out, 0}},
	{"one_for_both", keep_one_for_both, {{}, {}, out}},
	{"one_for_both_and_bytes",
	 [](Scene &s) {
		 write_one(s);
		 keep_one_for_both(s);
	 },
	 {{}, {}, in | out}},
	{"one_for_both_and_full",
	 [](Scene &s) {
		 fill_it(s);
		 keep_one_for_both(s);
	 },
	 {{}, {}, in}},
	{"only_a_new_reader", [](Scene &s) { keep_only_new(s, O_RDONLY); }, {{}, {}, EPOLLHUP}},
	{"only_a_new_writer",
	 [](Scene &s) { keep_only_new(s, O_WRONLY); },
	 {{}, {}, out | EPOLLERR}},
};

/* A change of state that can wake one who waits at a descriptor; what that says before and after.
 */
struct Change {
	const char *name;
	void (*prepare)(Scene &);
	Which which;
	uint32_t before;
	uint32_t after;
	void (*cause)(Scene &);

	friend void PrintTo(const Change &change, std::ostream *os) { *os << change.name; }
};

void read_page(Scene &scene)
{
	get(scene.pipe.in(), page_size);
}

void read_byte(Scene &scene)
{
	get(scene.pipe.in(), 1);
}

const Change changes[] = {
	{"write", [](Scene &) {}, reader, 0, in, write_one},
	{"write_packet", [](Scene &) {}, reader, 0, in, write_packet},
	{"write_seen_by_writer", [](Scene &) {}, writer, out, out, write_one},
	{"vmsplice", [](Scene &) {}, reader, 0, in,
	 [](Scene &s) { do_vmsplice(s.pipe.out(), "x"); }},
	{"write_more", write_one, reader, in, in, write_one},
	{"close_writer", [](Scene &) {}, reader, 0, EPOLLHUP, close_writer},
	{"close_writer_with_bytes", write_one, reader, in, in | EPOLLHUP, close_writer},
	{"close_reader", [](Scene &) {}, writer, out, out | EPOLLERR, close_reader},
	{"close_reader_when_full", fill_it, writer, 0, EPOLLERR, close_reader},
	{"read_a_page", fill_it, writer, 0, out, read_page},
	{"read_a_byte", fill_it, writer, 0, 0, read_byte},
	{"read_seen_by_reader", fill_it, reader, in, in, read_page},
	{"grow", fill_it, writer, 0, out,
	 [](Scene &s) { backend().resize(s.pipe.out(), 2 * default_capacity); }},
	{"new_writer", [](Scene &) {}, reader, 0, 0, [](Scene &s) { s.open_third(O_WRONLY); }},
	{"new_reader", fill_it, writer, 0, 0, [](Scene &s) { s.open_third(O_RDONLY); }},
	{"close_both_seen_by_both", [](Scene &s) { s.open_third(O_RDWR); }, third, out, out,
	 close_both},
	{"write_seen_by_both", [](Scene &s) { s.open_third(O_RDWR); }, third, out, in | out,
	 write_one},
	{"read_seen_by_both",
	 [](Scene &s) {
		 fill_it(s);
		 s.open_third(O_RDWR);
	 },
	 third, in, in | out, read_page},
};

} // namespace

class PollTable : public testing::TestWithParam<std::tuple<State, Way>> {};

TEST_P(PollTable, SaysAtOnceWhatIsAskedForAndHolds)
{
	const State &state = std::get<State>(GetParam());
	const Way &way = std::get<Way>(GetParam());

	for (uint32_t asked : requests) {
		Scene scene;

		if (!way.knows(asked))
			continue;
		state.reach(scene);
		for (Which which : {reader, writer, third}) {
			const auto &says = state.says[which];

			if (!says)
				continue;

			uint32_t expected = way.expected(*says, asked);

			if (!way.at_once && !expected)
				continue;
			EXPECT_EQ(way.ask(which_fd(scene, which), asked, 0), expected)
				<< std::hex << "asked for " << asked << " at descriptor " << which;
		}
	}
}

template <class T>
static std::string both_names(const testing::TestParamInfo<std::tuple<T, Way>> &info)
{
	return std::string(std::get<0>(info.param).name) + "_by_" + std::get<1>(info.param).name;
}

INSTANTIATE_TEST_SUITE_P(States, PollTable,
			 testing::Combine(testing::ValuesIn(states), testing::ValuesIn(ways)),
			 both_names<State>);

class WakeTable : public testing::TestWithParam<std::tuple<Change, Way>> {};

TEST_P(WakeTable, WakesWhoAsksForWhatComesAndNobodyElse)
{
	const Change &change = std::get<Change>(GetParam());
	const Way &way = std::get<Way>(GetParam());
	CatchSignal usr1(SIGUSR1);

	/* A full pipe wakes a writer for a byte, and io_uring does not look whether there is room.
	 */
	if (change.cause == read_byte && way.ask == by_uring)
		return;
	for (uint32_t asked : waits_for) {
		Scene scene;

		if (!way.knows(asked))
			continue;
		change.prepare(scene);
		if (way.expected(change.before, asked))
			continue;

		Async waiting{[&, fd = which_fd(scene, change.which)] {
			return way.ask(fd, asked, forever);
		}};
		uint32_t expected = way.expected(change.after, asked);

		ASSERT_TRUE(waiting.waits()) << std::hex << "asked for " << asked;
		change.cause(scene);
		if (!expected) {
			EXPECT_TRUE(waiting.waits()) << std::hex << "asked for " << asked;
			waiting.interrupt();
		}
		EXPECT_EQ(waiting.get(), expected) << std::hex << "asked for " << asked;
	}
}

INSTANTIATE_TEST_SUITE_P(Changes, WakeTable,
			 testing::Combine(testing::ValuesIn(changes), testing::ValuesIn(ways)),
			 both_names<Change>);

/*
 * The last writer closes while the bytes are on their way to a socket that takes no more for now.
 * A stock pipe keeps the close waiting, a private one those who ask: in the end all are told.
 */
class PollDuringDrain : public testing::TestWithParam<std::tuple<uint32_t, Way>> {};

TEST_P(PollDuringDrain, TellsOfTheLastCloseInTheEnd)
{
	constexpr size_t size = 1 << 19;
	const uint32_t asked = std::get<uint32_t>(GetParam());
	const Way &way = std::get<Way>(GetParam());
	Connection tcp = connect_kind(Kind::tcp, true);
	Pipe pipe = make_pipe(0, size);
	int buffer = 16384;

	setsockopt(tcp.near.get(), SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
	setsockopt(tcp.far.get(), SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	put(pipe.out(), pattern(size));

	Async sending{[&] { return do_splice(pipe.in(), tcp.near.get(), size); }};
	ASSERT_TRUE(sending.waits());
	Async waiting{[&] { return way.ask(pipe.in(), asked, forever); }};
	EXPECT_TRUE(waiting.waits());
	Async closing{[&] {
		pipe.write_end.reset();
		return true;
	}};

	EXPECT_TRUE(same(get(tcp.far.get(), size), pattern(size)));
	EXPECT_EQ(sending.get(), moved(size));
	EXPECT_TRUE(closing.get());
	EXPECT_TRUE(waiting.get() & EPOLLHUP);
}

static std::string drain_name(const testing::TestParamInfo<std::tuple<uint32_t, Way>> &info)
{
	const uint32_t asked = std::get<uint32_t>(info.param);
	const char *what = asked == EPOLLRDHUP ? "rdhup" : asked == EPOLLOUT ? "out" : "nothing";

	return std::string(what) + "_by_" + std::get<Way>(info.param).name;
}

INSTANTIATE_TEST_SUITE_P(
	Requests, PollDuringDrain,
	testing::Combine(testing::Values(0u, uint32_t(EPOLLRDHUP), uint32_t(EPOLLOUT)),
			 testing::Values(ways[0], ways[1], ways[3], ways[4], ways[5], ways[7])),
	drain_name);
