// SPDX-License-Identifier: GPL-2.0
/*
 * Calls on user memory that changes under them: pages that can't be accessed for a moment, and page
 * faults that nobody answers. A call moves as many bytes as it reports, and skips none.
 */
#include "pipe/pipe.hh"
#include "support/cpu.hh"

#include <gtest/gtest.h>

#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <array>
#include <atomic>
#include <mutex>
#include <thread>

namespace {

/* The bytes of a pipe, in memory of which a page in the middle comes and goes. */
class FlickeringMemory {
public:
	static constexpr size_t size = default_capacity;

	explicit FlickeringMemory(std::string_view bytes)
	{
		memory_.fill(bytes, start);
		thread_ = std::thread([this] { flicker(); });
	}
	~FlickeringMemory()
	{
		stop_ = true;
		thread_.join();
	}
	FlickeringMemory(const FlickeringMemory &) = delete;
	FlickeringMemory &operator=(const FlickeringMemory &) = delete;

	char *data() const { return memory_.data() + start; }
	std::array<iovec, 3> vector() const
	{
		return {iovec{data(), 100}, iovec{data() + 100, 5000},
			iovec{data() + 5100, size - 5100}};
	}
	/* The first @len bytes, with the page held in place during the call. */
	std::string contents(size_t len)
	{
		wanted_ = true;

		std::lock_guard held(mutex_);

		wanted_ = false;
		return {data(), len};
	}

private:
	/* Where no page of the pipe begins at a page of the memory. */
	static constexpr size_t start = 2048;
	static constexpr size_t missing = 8 * page_size;

	void flicker()
	{
		while (!stop_) {
			while (wanted_)
				sched_yield();

			std::lock_guard held(mutex_);

			mprotect(memory_.data() + missing, page_size, PROT_NONE);
			mprotect(memory_.data() + missing, page_size, PROT_READ | PROT_WRITE);
		}
	}

	Mapping memory_{size + page_size};
	std::mutex mutex_;
	std::atomic<bool> wanted_ = false;
	std::atomic<bool> stop_ = false;
	std::thread thread_;
};

constexpr int rounds = 300;

struct Call {
	const char *name;
	int flags; /* of the pipe */
	Result (*make)(const Pipe &, const FlickeringMemory &);

	friend void PrintTo(const Call &call, std::ostream *os) { *os << call.name; }
};

Result by_vmsplice(int fd, const FlickeringMemory &memory, unsigned flags)
{
	std::array<iovec, 3> vector = memory.vector();

	return backend().vmsplice(fd, vector.data(), vector.size(), flags);
}

const Call writes[] = {
	{"write", 0,
	 [](const Pipe &pipe, const FlickeringMemory &memory) {
		 return backend().write(pipe.out(), memory.data(), memory.size);
	 }},
	{"writev", 0,
	 [](const Pipe &pipe, const FlickeringMemory &memory) {
		 std::array<iovec, 3> vector = memory.vector();

		 return result_of(writev(pipe.out(), vector.data(), vector.size()));
	 }},
	{"write_of_packets", O_DIRECT,
	 [](const Pipe &pipe, const FlickeringMemory &memory) {
		 return backend().write(pipe.out(), memory.data(), memory.size);
	 }},
	{"vmsplice", 0,
	 [](const Pipe &pipe, const FlickeringMemory &memory) {
		 return by_vmsplice(pipe.out(), memory, SPLICE_F_NONBLOCK);
	 }},
	{"gift", 0,
	 [](const Pipe &pipe, const FlickeringMemory &memory) {
		 return by_vmsplice(pipe.out(), memory, SPLICE_F_NONBLOCK | SPLICE_F_GIFT);
	 }},
};

const Call reads[] = {
	{"read", 0,
	 [](const Pipe &pipe, const FlickeringMemory &memory) {
		 return backend().read(pipe.in(), memory.data(), memory.size);
	 }},
	{"readv", 0,
	 [](const Pipe &pipe, const FlickeringMemory &memory) {
		 std::array<iovec, 3> vector = memory.vector();

		 return result_of(readv(pipe.in(), vector.data(), vector.size()));
	 }},
	{"vmsplice", 0,
	 [](const Pipe &pipe, const FlickeringMemory &memory) {
		 return by_vmsplice(pipe.in(), memory, SPLICE_F_NONBLOCK);
	 }},
};

} // namespace

class WriteFromFlickeringMemory : public testing::TestWithParam<Call> {};

TEST_P(WriteFromFlickeringMemory, PutsInThePrefixThatItCounts)
{
	const std::string bytes = pattern(FlickeringMemory::size);
	FlickeringMemory memory(bytes);
	int cut = 0;

	for (int i = 0; i < rounds && !HasFailure(); i++) {
		Pipe pipe = make_pipe(GetParam().flags);
		Result wrote = GetParam().make(pipe, memory);

		cut += wrote.bytes() < bytes.size();
		EXPECT_TRUE(wrote.ok() || wrote == failed(EFAULT));
		EXPECT_TRUE(same(drain(pipe.in()), bytes.substr(0, wrote.bytes())))
			<< "round " << i;
	}
	/* With one CPU a call may never be interrupted. */
	EXPECT_TRUE(cut > 0 || cpus() == 1) << "the memory was always there";
}

INSTANTIATE_TEST_SUITE_P(Calls, WriteFromFlickeringMemory, testing::ValuesIn(writes),
			 testing::PrintToStringParamName());

class ReadIntoFlickeringMemory : public testing::TestWithParam<Call> {};

TEST_P(ReadIntoFlickeringMemory, TakesOutThePrefixThatItCounts)
{
	const std::string bytes = pattern(FlickeringMemory::size, 0, 1);
	FlickeringMemory memory(pattern(FlickeringMemory::size));
	int cut = 0;

	for (int i = 0; i < rounds && !HasFailure(); i++) {
		Pipe pipe = make_pipe();

		put(pipe.out(), bytes);

		Result got = GetParam().make(pipe, memory);

		cut += got.bytes() < bytes.size();
		EXPECT_TRUE(got.ok() || got == failed(EFAULT));
		EXPECT_TRUE(same(memory.contents(got.bytes()) + drain(pipe.in()), bytes))
			<< "round " << i;
	}
	/* With one CPU a call may never be interrupted. */
	EXPECT_TRUE(cut > 0 || cpus() == 1) << "the memory was always there";
}

INSTANTIATE_TEST_SUITE_P(Calls, ReadIntoFlickeringMemory, testing::ValuesIn(reads),
			 testing::PrintToStringParamName());

/* A call that meets a page fault which user space is to answer, and never does. */
struct Stuck {
	const char *name;
	bool writes;
	Result (*make)(const Pipe &, std::string_view memory);

	friend void PrintTo(const Stuck &stuck, std::ostream *os) { *os << stuck.name; }
};

static const Stuck stuck_calls[] = {
	{"write", true,
	 [](const Pipe &pipe, std::string_view memory) {
		 return backend().write(pipe.out(), memory.data(), memory.size());
	 }},
	{"vmsplice", true,
	 [](const Pipe &pipe, std::string_view memory) {
		 return do_vmsplice(pipe.out(), memory, SPLICE_F_GIFT);
	 }},
	{"read", false,
	 [](const Pipe &pipe, std::string_view memory) {
		 return backend().read(pipe.in(), const_cast<char *>(memory.data()), memory.size());
	 }},
	{"vmsplice_out", false,
	 [](const Pipe &pipe, std::string_view memory) { return do_vmsplice(pipe.in(), memory); }},
};

/* Makes the call on memory that is never there; tells @report when it got that far. */
[[noreturn]] static void get_stuck(const Stuck &stuck, const Pipe &pipe, int report)
{
	Mapping memory(page_size);
	Fd faults(static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC)), "userfaultfd");
	uffdio_api api = {.api = UFFD_API, .features = 0, .ioctls = 0};
	uffdio_register range = {
		.range = {.start = reinterpret_cast<uintptr_t>(memory.data()), .len = page_size},
		.mode = UFFDIO_REGISTER_MODE_MISSING,
		.ioctls = 0,
	};

	checked(ioctl(faults.get(), UFFDIO_API, &api), "UFFDIO_API");
	checked(ioctl(faults.get(), UFFDIO_REGISTER, &range), "UFFDIO_REGISTER");

	std::thread told([&] {
		uffd_msg fault;

		if (read(faults.get(), &fault, sizeof(fault)) == sizeof(fault))
			static_cast<void>(write(report, "!", 1));
	});

	stuck.make(pipe, memory.view());
	_exit(1);
}

class UnansweredFault : public testing::TestWithParam<Stuck> {};

/* The call holds the pipe's lock, as with a stock pipe. */
TEST_P(UnansweredFault, EndsWithItsProcessAndThePipeGoesOn)
{
	Pipe pipe = make_pipe();
	Pipe report = make_stock_pipe();
	const std::string bytes = GetParam().writes ? "" : "bytes";

	put(pipe.out(), bytes);

	pid_t child = checked(fork(), "fork");

	if (child == 0) {
		try {
			get_stuck(GetParam(), pipe, report.out());
		} catch (...) {
			_exit(2);
		}
	}
	report.write_end.reset();

	char byte;
	pollfd entry = {.fd = pipe.in(), .events = POLLIN, .revents = 0};
	int status;

	EXPECT_EQ(read(report.in(), &byte, 1), 1);
	/* Of a pipe that is being written stock says that it can be read before it can. */
	if (!bytes.empty()) {
		EXPECT_EQ(poll(&entry, 1, 0), 1);
	}
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	EXPECT_TRUE(WIFSIGNALED(status));
	put(pipe.out(), "more");
	EXPECT_EQ(drain(pipe.in()), bytes + "more");
}

INSTANTIATE_TEST_SUITE_P(Calls, UnansweredFault, testing::ValuesIn(stuck_calls),
			 testing::PrintToStringParamName());
