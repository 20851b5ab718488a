// SPDX-License-Identifier: GPL-2.0
/* Notifications that a pipe can be read or written or has lost its other side. */
#include "pipe/pipe.hh"
#include "pipe/signals.hh"
#include "support/async.hh"
#include "support/ring.hh"

#include <gtest/gtest.h>

#include <poll.h>
#include <sys/epoll.h>

namespace {

constexpr int forever = -1;

/* The answer of poll(2), without waiting, for reading and writing @fd. */
short polled(int fd)
{
	pollfd entry = {.fd = fd, .events = POLLIN | POLLOUT, .revents = 0};

	checked(poll(&entry, 1, 0), "poll");
	return entry.revents;
}

/* One descriptor in an epoll set. */
class Epoll {
public:
	Epoll(int fd, uint32_t events) : epoll_(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")
	{
		epoll_event event = {.events = events, .data = {.fd = fd}};

		checked(epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event), "EPOLL_CTL_ADD");
	}

	/* The events that are there, or that come within @timeout milliseconds; 0 for none. */
	uint32_t wait(int timeout = 0)
	{
		epoll_event event = {};

		return epoll_wait(epoll_.get(), &event, 1, timeout) > 0 ? event.events : 0;
	}

private:
	Fd epoll_;
};

} // namespace

TEST(PipePoll, AnEmptyPipeCanBeWrittenButNotRead)
{
	Pipe pipe = make_pipe();

	EXPECT_EQ(polled(pipe.in()), 0);
	EXPECT_EQ(polled(pipe.out()), POLLOUT);
}

TEST(PipePoll, AFullPipeCanBeReadButNotWritten)
{
	Pipe pipe = make_pipe();

	fill(pipe);
	EXPECT_EQ(polled(pipe.in()), POLLIN);
	EXPECT_EQ(polled(pipe.out()), 0);
	get(pipe.in(), page_size);
	EXPECT_EQ(polled(pipe.out()), POLLOUT);
}

TEST(PipePoll, WithoutAWriterTheReadEndHangsUp)
{
	Pipe pipe = make_pipe();

	put(pipe.out(), "abc");
	pipe.write_end.reset();
	EXPECT_EQ(polled(pipe.in()), POLLIN | POLLHUP);
	get(pipe.in(), 3);
	EXPECT_EQ(polled(pipe.in()), POLLHUP);
}

TEST(PipePoll, WithoutAReaderTheWriteEndIsInError)
{
	Pipe pipe = make_pipe();

	pipe.read_end.reset();
	EXPECT_EQ(polled(pipe.out()), POLLOUT | POLLERR);
}

/* The events that can wake a waiting reader or writer. */
struct Event {
	const char *name;
	void (*prepare)(Pipe &pipe);
	bool at_read_end;
	uint32_t events; /* the events that the waiter gets */
	void (*cause)(Pipe &pipe);

	friend void PrintTo(const Event &event, std::ostream *out) { *out << event.name; }
};

class PipeWakeup : public testing::TestWithParam<Event> {
protected:
	PipeWakeup() { GetParam().prepare(pipe); }
	int fd() { return GetParam().at_read_end ? pipe.in() : pipe.out(); }

	Pipe pipe = make_pipe();
};

TEST_P(PipeWakeup, WakesPoll)
{
	Async waiting{[&] {
		pollfd entry = {.fd = fd(), .events = POLLIN | POLLOUT, .revents = 0};

		poll(&entry, 1, forever);
		return static_cast<uint32_t>(entry.revents);
	}};

	EXPECT_TRUE(waiting.waits());
	GetParam().cause(pipe);
	EXPECT_EQ(waiting.get(), GetParam().events);
}

TEST_P(PipeWakeup, WakesEpollAndKeepsSayingSo)
{
	Epoll epoll(fd(), EPOLLIN | EPOLLOUT);
	Async waiting{[&] { return epoll.wait(forever); }};

	EXPECT_TRUE(waiting.waits());
	GetParam().cause(pipe);
	EXPECT_EQ(waiting.get(), GetParam().events);
	EXPECT_EQ(epoll.wait(), GetParam().events);
}

TEST_P(PipeWakeup, WakesEdgeTriggeredEpollOnce)
{
	Epoll epoll(fd(), EPOLLIN | EPOLLOUT | EPOLLET);

	EXPECT_EQ(epoll.wait(), 0u);
	GetParam().cause(pipe);
	EXPECT_EQ(epoll.wait(), GetParam().events);
	EXPECT_EQ(epoll.wait(), 0u);
}

TEST_P(PipeWakeup, WakesAnIoUringPoll)
{
	Async waiting{[&] {
		return Ring::of_this_thread().run([&](io_uring_sqe *sqe) {
			io_uring_prep_poll_add(sqe, fd(), POLLIN | POLLOUT);
		});
	}};

	EXPECT_TRUE(waiting.waits());
	GetParam().cause(pipe);
	EXPECT_EQ(waiting.get(), moved(GetParam().events));
}

/* An event that moves bytes or ends them, which a change of the capacity does not. */
class PipeSignal : public PipeWakeup {};

TEST_P(PipeSignal, SendsSigioToTheOwner)
{
	AwaitSignal sigio(SIGIO);

	checked(fcntl(fd(), F_SETOWN, getpid()), "F_SETOWN");
	set_status_flag(fd(), O_ASYNC);
	EXPECT_FALSE(sigio.pending());
	GetParam().cause(pipe);
	EXPECT_TRUE(sigio.wait(nullptr));
	set_status_flag(fd(), O_ASYNC, false); /* closing the pipe is an event as well */
}

static void nothing(Pipe &) {}

static void fill_it(Pipe &pipe)
{
	fill(pipe);
}

static const Event transfers[] = {
	{"write", nothing, true, EPOLLIN, [](Pipe &pipe) { put(pipe.out(), "x"); }},
	{"vmsplice", nothing, true, EPOLLIN, [](Pipe &pipe) { do_vmsplice(pipe.out(), "x"); }},
	{"splice_in", nothing, true, EPOLLIN,
	 [](Pipe &pipe) {
		 Fd zero(open("/dev/zero", O_RDONLY), "open /dev/zero");

		 do_splice(zero.get(), pipe.out(), 1);
	 }},
	{"tee_in", nothing, true, EPOLLIN,
	 [](Pipe &pipe) {
		 Pipe other = make_pipe();

		 put(other.out(), "x");
		 do_tee(other.in(), pipe.out(), 1);
	 }},
	{"pipe_in", nothing, true, EPOLLIN,
	 [](Pipe &pipe) {
		 Pipe other = make_pipe();

		 put(other.out(), "x");
		 do_splice(other.in(), pipe.out(), 1);
	 }},
	{"writer_closes", nothing, true, EPOLLHUP, [](Pipe &pipe) { pipe.write_end.reset(); }},
	{"read", fill_it, false, EPOLLOUT, [](Pipe &pipe) { get(pipe.in(), page_size); }},
	{"splice_out", fill_it, false, EPOLLOUT,
	 [](Pipe &pipe) {
		 Fd null(open("/dev/null", O_WRONLY), "open /dev/null");

		 do_splice(pipe.in(), null.get(), default_capacity);
	 }},
	{"pipe_out", fill_it, false, EPOLLOUT,
	 [](Pipe &pipe) {
		 Pipe other = make_pipe();

		 do_splice(pipe.in(), other.out(), default_capacity);
	 }},
	{"vmsplice_out", fill_it, false, EPOLLOUT,
	 [](Pipe &pipe) {
		 Mapping memory(default_capacity);

		 do_vmsplice(pipe.in(), memory.view());
	 }},
	{"reader_closes", fill_it, false, EPOLLERR, [](Pipe &pipe) { pipe.read_end.reset(); }},
};

static const Event growth = {"grow", fill_it, false, EPOLLOUT, [](Pipe &pipe) {
				     backend().resize(pipe.out(), 2 * default_capacity);
			     }};

INSTANTIATE_TEST_SUITE_P(Transfers, PipeWakeup, testing::ValuesIn(transfers),
			 testing::PrintToStringParamName());
INSTANTIATE_TEST_SUITE_P(Growth, PipeWakeup, testing::Values(growth),
			 testing::PrintToStringParamName());
INSTANTIATE_TEST_SUITE_P(Transfers, PipeSignal, testing::ValuesIn(transfers),
			 testing::PrintToStringParamName());

TEST(PipeEpoll, EveryWriteIsAnEdgeEvenWhenThePipeWasNotEmpty)
{
	Pipe pipe = make_pipe();
	Epoll epoll(pipe.in(), EPOLLIN | EPOLLET);

	for (int i = 0; i < 3; i++) {
		put(pipe.out(), "x");
		EXPECT_EQ(epoll.wait(), uint32_t(EPOLLIN)) << "write number " << i;
	}
}

TEST(PipeEpoll, EverySpliceIsAnEdgeEvenWhenThePipeWasNotEmpty)
{
	Pipe pipe = make_pipe();
	Epoll epoll(pipe.in(), EPOLLIN | EPOLLET);

	for (int i = 0; i < 3; i++) {
		do_vmsplice(pipe.out(), "x");
		EXPECT_EQ(epoll.wait(), uint32_t(EPOLLIN)) << "vmsplice number " << i;
	}
}

TEST(PipeSigio, TheSignalSaysWhichDescriptorAndWhy)
{
	Pipe pipe = make_pipe();
	AwaitSignal signal(SIGRTMIN);
	f_owner_ex owner = {.type = F_OWNER_TID, .pid = gettid()};
	siginfo_t info;

	checked(fcntl(pipe.in(), F_SETOWN_EX, &owner), "F_SETOWN_EX");
	checked(fcntl(pipe.in(), F_SETSIG, SIGRTMIN), "F_SETSIG");
	set_status_flag(pipe.in(), O_ASYNC);
	put(pipe.out(), "x");
	ASSERT_TRUE(signal.wait(&info));
	EXPECT_EQ(info.si_fd, pipe.in());
	EXPECT_TRUE(info.si_band & POLLIN);
	set_status_flag(pipe.in(), O_ASYNC, false);
}

TEST(PipeSigio, NoSignalAfterAsyncIsSwitchedOff)
{
	Pipe pipe = make_pipe();
	AwaitSignal sigio(SIGIO);

	checked(fcntl(pipe.in(), F_SETOWN, getpid()), "F_SETOWN");
	set_status_flag(pipe.in(), O_ASYNC);
	set_status_flag(pipe.in(), O_ASYNC, false);
	put(pipe.out(), "x");
	EXPECT_FALSE(sigio.pending());
}

TEST(PipeWaiting, AReaderWaitsForTheFirstByte)
{
	Pipe pipe = make_pipe();
	Async reading{[&] { return get(pipe.in(), 3); }};

	EXPECT_TRUE(reading.waits());
	put(pipe.out(), "abc");
	EXPECT_EQ(reading.get(), "abc");
}

TEST(PipeWaiting, AReaderSeesTheEndWhenTheWriterCloses)
{
	Pipe pipe = make_pipe();
	char byte;
	Async reading{[&] { return backend().read(pipe.in(), &byte, 1); }};

	EXPECT_TRUE(reading.waits());
	pipe.write_end.reset();
	EXPECT_EQ(reading.get(), moved(0));
}

TEST(PipeWaiting, AWriterGetsEpipeAndSigpipeWhenTheReaderCloses)
{
	CatchSignal sigpipe(SIGPIPE);
	Pipe pipe = make_pipe();

	fill(pipe);

	Async writing{[&] { return backend().write(pipe.out(), "x", 1); }};

	EXPECT_TRUE(writing.waits());
	pipe.read_end.reset();
	EXPECT_EQ(writing.get(), failed(EPIPE));
	EXPECT_TRUE(was_sent(sigpipe));
}

TEST(PipeWaiting, AWriterThatWroteSomethingSaysSoWhenTheReaderCloses)
{
	CatchSignal sigpipe(SIGPIPE);
	Pipe pipe = make_pipe();
	const std::string bytes = pattern(2 * default_capacity);
	Async writing{[&] { return result_of(write(pipe.out(), bytes.data(), bytes.size())); }};

	EXPECT_TRUE(writing.waits());
	pipe.read_end.reset();
	EXPECT_EQ(writing.get(), moved(default_capacity));
	EXPECT_TRUE(was_sent(sigpipe));
}

TEST(PipeWaiting, SeveralWritersAllGetTheirRoom)
{
	constexpr int writers = 5;
	Pipe pipe = make_pipe(0, page_size);
	std::string filling = fill(pipe);
	std::vector<std::unique_ptr<Async<Result>>> waiting;

	for (int i = 0; i < writers; i++) {
		waiting.push_back(std::make_unique<Async<Result>>([&] {
			const std::string page(page_size, 'w');

			return backend().write(pipe.out(), page.data(), page.size());
		}));
		EXPECT_TRUE(waiting.back()->waits());
	}
	EXPECT_TRUE(same(get(pipe.in(), (1 + writers) * page_size),
			 filling + std::string(writers * page_size, 'w')));
	for (auto &writer : waiting)
		EXPECT_EQ(writer->get(), moved(page_size));
}

TEST(PipeWaiting, SeveralReadersAllSeeTheEnd)
{
	constexpr int readers = 5;
	Pipe pipe = make_pipe();
	std::vector<std::unique_ptr<Async<Result>>> waiting;

	for (int i = 0; i < readers; i++) {
		waiting.push_back(std::make_unique<Async<Result>>([&] {
			char byte;

			return backend().read(pipe.in(), &byte, 1);
		}));
		EXPECT_TRUE(waiting.back()->waits());
	}
	pipe.write_end.reset();
	for (auto &reader : waiting)
		EXPECT_EQ(reader->get(), moved(0));
}

TEST(PipeUring, AReadOfAnEmptyPipeCompletesWhenBytesCome)
{
	Pipe pipe = make_pipe();
	std::string buffer(10, '\0');
	Async reading{[&] {
		return Ring::of_this_thread().run([&](io_uring_sqe *sqe) {
			io_uring_prep_read(sqe, pipe.in(), buffer.data(), 10, -1);
		});
	}};

	EXPECT_TRUE(reading.waits());
	put(pipe.out(), "abc");
	EXPECT_EQ(reading.get(), moved(3));
	EXPECT_EQ(buffer.substr(0, 3), "abc");
}

TEST(PipeUring, AWriteToAFullPipeCompletesWhenThereIsRoom)
{
	Pipe pipe = make_pipe();
	std::string filling = fill(pipe);
	Async writing{[&] {
		return Ring::of_this_thread().run([&](io_uring_sqe *sqe) {
			io_uring_prep_write(sqe, pipe.out(), "abc", 3, -1);
		});
	}};

	EXPECT_TRUE(writing.waits());
	EXPECT_EQ(get(pipe.in(), filling.size() + 3), filling + "abc");
	EXPECT_EQ(writing.get(), moved(3));
}

TEST(PipeUring, AWaitingReadCanBeCancelled)
{
	CatchSignal usr1(SIGUSR1);
	Pipe pipe = make_pipe();
	char byte;
	Async reading{[&] {
		return Ring::of_this_thread().run([&](io_uring_sqe *sqe) {
			io_uring_prep_read(sqe, pipe.in(), &byte, 1, -1);
		});
	}};

	EXPECT_TRUE(reading.waits());
	reading.interrupt();
	EXPECT_EQ(reading.get(), failed(EINTR));
	put(pipe.out(), "x");
	EXPECT_EQ(drain(pipe.in()), "x");
}
