// SPDX-License-Identifier: GPL-2.0
/*
 * privpipe-races: everybody at once. Each scenario runs its share of the time, while signals come,
 * the page cache is dropped, memory is short and somebody tries to remove the module.
 */
#include "backend/private.hh"
#include "stress/record.hh"
#include "stress/round.hh"

#include "support/files.hh"
#include "support/pipe.hh"

#include <getopt.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <random>

namespace {

uint64_t random_below(uint64_t n)
{
	thread_local std::mt19937_64 random(std::random_device{}());

	return random() % n;
}

size_t pages(size_t most)
{
	return (1 + random_below(most)) * page_size;
}

uint64_t fresh_id()
{
	static std::atomic<uint64_t> last;

	return ++last;
}

bool is_one_of(Result result, std::initializer_list<int> errors)
{
	for (int error : errors)
		if (result == failed(error))
			return true;
	return result.ok();
}

void expect_one_of(const char *what, Result result, std::initializer_list<int> errors)
{
	if (is_one_of(result, errors))
		return;
	complain(std::string(what) + ": " + strerror(static_cast<int>(-result.value)));
}

void write_record(const Pipe &pipe, Ledger *ledger)
{
	Record record(fresh_id());
	Result wrote = backend().write(pipe.out(), &record, sizeof(record));

	expect_one_of("write", wrote, {EINTR, EAGAIN});
	if (wrote.ok() && wrote != moved(sizeof(record)))
		complain("a write of a page was torn");
	if (wrote.ok() && ledger)
		ledger->put(record.id());
}

/* Reads whole records only; false when nothing came. */
bool read_record(const Pipe &pipe, Ledger *ledger, bool by_system_call = false)
{
	Record record;
	Result got = by_system_call ? result_of(read(pipe.in(), &record, sizeof(record)))
				    : backend().read(pipe.in(), &record, sizeof(record));

	expect_one_of("read", got, {EINTR, EAGAIN});
	if (!got.bytes())
		return false;
	if (got != moved(sizeof(record)) || !record.is_whole())
		complain("a record came in pieces");
	if (ledger)
		ledger->take(record.id());
	return true;
}

void settle(const Pipe &pipe, Ledger *ledger)
{
	set_status_flag(pipe.in(), O_NONBLOCK);
	/* io_uring gives up on a stock pipe that splice(2) was used on. */
	while (read_record(pipe, ledger, true))
		;
}

void expect_balanced(const Ledger &ledger)
{
	if (!ledger.is_balanced() && !complained())
		complain("records were lost or doubled; missing: " +
			 std::to_string(ledger.missing()));
}

void resize_randomly(const Pipe &pipe)
{
	expect_one_of("resize", backend().resize(pipe.out(), page_size << random_below(8)),
		      {EBUSY, EINTR});
}

void readers_and_writers(double seconds)
{
	Pipe pipe = make_pipe();
	Ledger ledger;
	Round round;

	for (int i = 0; i < 2; i++) {
		round.loop([&] { write_record(pipe, &ledger); });
		round.loop([&] { read_record(pipe, &ledger); });
	}
	round.loop([&] { resize_randomly(pipe); });
	round.run_for(seconds);
	settle(pipe, &ledger);
	expect_balanced(ledger);
}

void move_between(const Pipe &from, const Pipe &to)
{
	expect_one_of("splice", do_splice(from.in(), to.out(), pages(20)), {EINTR, EAGAIN});
}

void pipe_to_pipe_both_ways(double seconds)
{
	Pipe a = make_pipe();
	Pipe b = make_pipe();
	Ledger ledger;
	Round round;

	round.loop([&] { write_record(a, &ledger); });
	round.loop([&] { move_between(a, b); });
	round.loop([&] { move_between(b, a); });
	round.loop([&] { read_record(b, &ledger); });
	round.loop([&] { resize_randomly(random_below(2) ? a : b); });
	round.run_for(seconds);
	settle(a, &ledger);
	settle(b, &ledger);
	expect_balanced(ledger);
}

void through_a_stock_pipe(double seconds)
{
	Pipe a = make_pipe();
	Pipe stock = make_stock_pipe();
	Pipe b = make_pipe();
	Ledger ledger;
	Round round;

	round.loop([&] { write_record(a, &ledger); });
	round.loop([&] { move_between(a, stock); });
	round.loop([&] {
		expect_one_of("splice(2)",
			      result_of(splice(stock.in(), nullptr, b.out(), nullptr, pages(8),
					       random_below(2) ? SPLICE_F_MOVE : 0)),
			      {EINTR, EAGAIN});
	});
	round.loop([&] { move_between(stock, b); });
	round.loop([&] { read_record(b, &ledger); });
	round.run_for(seconds);
	for (const Pipe *pipe : {&a, &stock, &b})
		settle(*pipe, &ledger);
	expect_balanced(ledger);
}

void tee_in_circles(double seconds)
{
	std::array<Pipe, 3> all = {make_pipe(), make_pipe(), make_pipe()};
	Round round;

	for (size_t i = 0; i < all.size(); i++) {
		const Pipe &from = all[i];

		/* To either of the others, so that any two are locked in both orders. */
		round.loop([&, i] {
			const Pipe &to = all[(i + 1 + random_below(2)) % all.size()];

			expect_one_of("tee", do_tee(from.in(), to.out(), pages(20)), {EINTR});
		});
		round.loop([&] { read_record(from, nullptr); });
	}
	round.loop([&] { write_record(all[0], nullptr); });
	round.loop([&] { resize_randomly(all[random_below(3)]); });
	round.run_for(seconds);
}

/* The end of @pipe that is not held, as O_WRONLY or O_RDONLY says, for one call. */
Pipe with_another_end(const Pipe &pipe, int mode)
{
	const Fd &held = mode == O_WRONLY ? pipe.read_end : pipe.write_end;
	const std::string path = "/proc/self/fd/" + std::to_string(held.get());
	Fd fd(open(path.c_str(), mode | O_CLOEXEC));

	if (fd.get() < 0 && errno != EINTR)
		complain("open of a pipe's other end");
	return mode == O_WRONLY ? Pipe{Fd(), std::move(fd)} : Pipe{std::move(fd), Fd()};
}

/* Of one pipe the writers come and go, of the other one the readers. */
void ends_come_and_go(double seconds)
{
	Pipe a = make_pipe();
	Pipe b = make_pipe();
	Ledger ledger;
	Round round;

	a.write_end.reset();
	b.read_end.reset();
	for (int i = 0; i < 2; i++) {
		round.loop([&] {
			Pipe writing = with_another_end(a, O_WRONLY);

			if (writing.out() >= 0)
				write_record(writing, &ledger);
		});
		round.loop([&] {
			Pipe reading = with_another_end(b, O_RDONLY);

			if (reading.in() >= 0)
				read_record(reading, &ledger);
		});
	}
	round.loop([&] {
		expect_one_of("splice", do_splice(a.in(), b.out(), pages(20)),
			      {EINTR, EAGAIN, EPIPE});
	});
	round.run_for(seconds);
	a.write_end = with_another_end(a, O_WRONLY).write_end;
	b.read_end = with_another_end(b, O_RDONLY).read_end;
	settle(a, &ledger);
	settle(b, &ledger);
	expect_balanced(ledger);
}

/* A child writes and is gone; its end comes to us by inheritance or by a message. */
void child_writes(bool killed)
{
	Pipe pipe = make_pipe();
	size_t records = random_below(40);
	pid_t pid = checked(fork(), "fork");

	if (pid == 0) {
		Record record(pid);

		close(pipe.in());
		for (size_t i = 0; i < records; i++)
			if (write(pipe.out(), &record, sizeof(record)) < 0)
				_exit(1);
		_exit(0);
	}
	pipe.write_end.reset();
	if (killed) {
		usleep(static_cast<useconds_t>(random_below(3000)));
		kill(pid, SIGKILL);
	}

	size_t got = 0;
	Record record;

	for (ssize_t n; (n = read(pipe.in(), &record, sizeof(record))) != 0;) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n != sizeof(record) || !record.is_whole())
			complain("a record of a child came in pieces");
		got++;
	}
	if (!killed && got != records)
		complain("records of a child were lost");
	while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR)
		;
}

Fd through_a_socket(Fd fd)
{
	std::array<int, 2> ends;
	char byte = 0;
	iovec iov = {&byte, 1};
	alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control = {};
	msghdr message = {};

	message.msg_iov = &iov;
	message.msg_iovlen = 1;
	message.msg_control = control.data();
	message.msg_controllen = control.size();

	cmsghdr *header = CMSG_FIRSTHDR(&message);

	*header = {.cmsg_len = CMSG_LEN(sizeof(int)),
		   .cmsg_level = SOL_SOCKET,
		   .cmsg_type = SCM_RIGHTS};
	int raw = fd.get();

	memcpy(CMSG_DATA(header), &raw, sizeof(raw));
	checked(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), "socketpair");

	Fd near(ends[0]), far(ends[1]);

	while (sendmsg(near.get(), &message, 0) < 0)
		if (errno != EINTR)
			throw_errno("sendmsg");
	fd.reset();
	/* Now and then nobody fetches it. */
	if (random_below(4) == 0)
		return Fd();
	message.msg_controllen = control.size();
	while (recvmsg(far.get(), &message, MSG_CMSG_CLOEXEC) < 0)
		if (errno != EINTR)
			throw_errno("recvmsg");
	memcpy(&raw, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(raw));
	return Fd(raw);
}

void pass_an_end_on()
{
	Pipe pipe = make_pipe();
	Record sent(fresh_id()), got;

	while (write(pipe.out(), &sent, sizeof(sent)) < 0)
		;
	pipe.read_end = through_a_socket(std::move(pipe.read_end));
	if (pipe.in() < 0)
		return;
	while (read(pipe.in(), &got, sizeof(got)) < 0)
		;
	if (!got.is_whole() || got.id() != sent.id())
		complain("a passed end shows something else");
}

void children_and_messages(double seconds)
{
	Round round;

	round.loop([] { child_writes(false); });
	round.loop([] { child_writes(true); });
	round.loop(pass_an_end_on);
	round.loop([] {
		pid_t pid = checked(fork(), "fork");

		/* Everybody's ends are closed by exec, or inherited for a moment. */
		if (pid == 0) {
			execl("/proc/self/exe", "privpipe-races", "--nothing", nullptr);
			_exit(1);
		}
		while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR)
			;
	});
	round.run_for(seconds);
}

/* Pipes on which a call waits. */
struct Waiting {
	Pipe empty = make_pipe();
	Pipe full = make_pipe();
	Pipe as_full = make_pipe();
	Pipe stock = make_stock_pipe();
	Pipe full_stock = make_stock_pipe();
	File file{on_tmpfs, pattern(page_size)};
	Fd near, far; /* of a socket */

	Waiting()
	{
		std::array<int, 2> ends;

		checked(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()),
			"socketpair");
		near = Fd(ends[0]);
		far = Fd(ends[1]);
		for (const Pipe *pipe : {&full, &as_full, &full_stock})
			fill(*pipe);
	}
};

/* Keeps others from reading @pipe, in a child that goes with this one. */
pid_t start_draining(const Pipe &pipe, const Fd &socket)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			do_splice(pipe.in(), socket.get(), 1 << 30);
	}
	return pid;
}

char byte;
const iovec one_byte = {&byte, 1};

/* Some wait only when they have been called often enough. */
constexpr void (*calls_that_wait[])(const Waiting &on) = {
	[](const Waiting &on) { static_cast<void>(!read(on.empty.in(), &byte, 1)); },
	[](const Waiting &on) { static_cast<void>(!write(on.full.out(), &byte, 1)); },
	[](const Waiting &on) { do_splice(on.empty.in(), on.file.fd(), 1); },
	[](const Waiting &on) { do_splice(on.file.fd(), on.full.out(), 1); },
	[](const Waiting &on) { do_splice(on.near.get(), on.empty.out(), 1); },
	[](const Waiting &on) { do_splice(on.full.in(), on.near.get(), 1 << 30); },
	[](const Waiting &on) { do_splice(on.empty.in(), on.full.out(), 1); },
	[](const Waiting &on) { do_splice(on.full.in(), on.as_full.out(), 1); },
	[](const Waiting &on) { do_tee(on.empty.in(), on.full.out(), 1); },
	[](const Waiting &on) { do_tee(on.full.in(), on.as_full.out(), 1); },
	[](const Waiting &on) { backend().vmsplice(on.full.out(), &one_byte, 1, 0); },
	[](const Waiting &on) { backend().vmsplice(on.empty.in(), &one_byte, 1, 0); },
	[](const Waiting &on) {
		off64_t start = 0;

		backend().sendfile(on.near.get(), on.file.fd(), &start, page_size);
	},
	[](const Waiting &on) {
		static_cast<void>(!sendfile(on.full.out(), on.file.fd(), nullptr, 1));
	},
	[](const Waiting &on) {
		splice(on.full_stock.in(), nullptr, on.full.out(), nullptr, 1, 0);
	},
	[](const Waiting &on) { splice(on.empty.in(), nullptr, on.stock.out(), nullptr, 1, 0); },
	[](const Waiting &on) {
		[[maybe_unused]] static const pid_t drainer = start_draining(on.full, on.near);

		static_cast<void>(!read(on.full.in(), &byte, 1));
	},
};

/* A call that waits for ever, in a child: signals end it, the last one the child, too. */
void die_waiting()
{
	Waiting on;
	auto *call = calls_that_wait[random_below(std::size(calls_that_wait))];
	pid_t pid = checked(fork(), "fork");

	if (pid == 0)
		for (;;)
			call(on);
	for (int signal : {SIGUSR1, SIGUSR1, SIGKILL}) {
		usleep(static_cast<useconds_t>(random_below(3000)));
		kill(pid, signal);
	}
	while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR)
		;
}

void signals_in_every_wait(double seconds)
{
	Round round;

	round.loop(die_waiting);
	round.loop(die_waiting);
	round.run_for(seconds);
}

constexpr size_t churned_pages = 64;

/* Reads two pipes with the same content; what was copied first must still be what is there. */
void expect_twins(const Pipe &pipe, const Pipe &twin, std::string *bytes)
{
	set_status_flag(twin.in(), O_NONBLOCK);
	*bytes = drain(pipe.in());
	if (auto equal = same(*bytes, drain(twin.in())); !equal)
		complain(std::string("bytes in a pipe changed: ") + equal.message());
}

void tee_all(const Pipe &pipe, const Pipe &twin)
{
	size_t wanted = unread(pipe.in());

	for (size_t done = 0; wanted && done < wanted;) {
		Result teed = do_tee(pipe.in(), twin.out(), wanted);

		expect_one_of("tee", teed, {EINTR});
		done = teed.bytes();
		if (teed.ok() && done != wanted)
			complain("tee into an empty pipe was short");
	}
}

void splice_while_it_changes(const File &file)
{
	Pipe pipe = make_pipe();
	Pipe twin = make_pipe();
	uint64_t first = random_below(churned_pages);
	off64_t offset = static_cast<off64_t>(first * page_size);
	Result got = backend().splice(file.fd(), &offset, pipe.out(), nullptr, pages(16),
				      random_below(4) ? SPLICE_F_MOVE : 0);
	std::string bytes;

	expect_one_of("splice", got, {EINTR, EAGAIN, EIO});
	tee_all(pipe, twin);
	usleep(static_cast<useconds_t>(random_below(500)));
	expect_twins(pipe, twin, &bytes);
	if (bytes.size() != got.bytes())
		complain("a splice said another length");
	/*
	 * Each word names its page, from 1 on, in whatever version; a hole has zeros.  Reading is
	 * not atomic against writing, so of a word that replaces zeros the version may be there
	 * first.
	 */
	for (size_t i = 0; i + sizeof(uint64_t) <= bytes.size(); i += sizeof(uint64_t)) {
		uint64_t word;

		memcpy(&word, bytes.data() + i, sizeof(word));
		if (word >> 32 && word >> 32 != first + i / page_size + 1)
			return complain("page " + std::to_string(first + i / page_size + 1) +
					" was spliced from page " + std::to_string(word >> 32));
	}
}

void write_a_page(const File &file, uint64_t version)
{
	uint64_t page = random_below(churned_pages);
	Record record((page + 1) << 32 | (version & 0xffffffff));

	static_cast<void>(
		!pwrite(file.fd(), &record, sizeof(record), static_cast<off_t>(page * page_size)));
}

void shrink_or_drop(const File &file)
{
	auto offset = static_cast<off_t>(random_below(churned_pages) * page_size);

	switch (random_below(4)) {
	case 0:
		static_cast<void>(!ftruncate(file.fd(), offset));
		break;
	case 1:
		fallocate(file.fd(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset,
			  static_cast<off_t>(pages(8)));
		break;
	default:
		sync_file_range(file.fd(), 0, 0,
				SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
		posix_fadvise(file.fd(), 0, 0, POSIX_FADV_DONTNEED);
	}
}

void file_changes(const char *where, double seconds)
{
	File file(where);
	Round round;

	round.loop([&] { splice_while_it_changes(file); });
	round.loop([&] { splice_while_it_changes(file); });
	round.loop([&] { write_a_page(file, fresh_id()); });
	round.loop([&] { shrink_or_drop(file); });
	round.run_for(seconds);
}

void ext4_file_changes(double seconds)
{
	file_changes(on_ext4, seconds);
}

void xfs_file_changes(double seconds)
{
	file_changes(on_xfs, seconds);
}

void arena_in_use(double seconds)
{
	constexpr size_t size = 32 * page_size;
	auto *arena = static_cast<char *>(backend().map_gift(size));
	std::atomic<char *> memory = arena;
	File file(on_ext4, pattern(size));
	Fd direct = file.reopen(O_RDWR | O_DIRECT);
	Round round;
	auto somewhere = [&] { return memory + random_below(32) * page_size; };

	auto give = [&] {
		Pipe pipe = make_pipe();
		Pipe twin = make_pipe();
		std::string bytes;
		iovec iov = {somewhere(), pages(8)};
		Result gave =
			backend().vmsplice(pipe.out(), &iov, 1, SPLICE_F_GIFT | SPLICE_F_NONBLOCK);

		expect_one_of("gift", gave, {EINTR, EAGAIN, EFAULT});
		tee_all(pipe, twin);
		usleep(static_cast<useconds_t>(random_below(300)));
		expect_twins(pipe, twin, &bytes);
		if (bytes.size() != gave.bytes())
			complain("a gift said another length");
	};

	round.loop(give);
	round.loop(give);
	for (int fd : {direct.get(), file.fd()})
		round.loop([&, fd] {
			static_cast<void>(!pread(fd, somewhere(), pages(4), 0));
			static_cast<void>(!pwrite(fd, somewhere(), pages(4), 0));
		});
	round.loop([&] {
		if (random_below(8) == 0) {
			auto *fresh = static_cast<char *>(backend().map_gift(size));

			/* Unmapped, and kept from becoming somebody's heap. */
			if (mmap(memory.exchange(fresh), size, PROT_NONE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
				 0) == MAP_FAILED)
				complain("mmap over an arena");
		}

		void *there = mmap(nullptr, size, PROT_NONE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		void *moved = mremap(memory, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, there);

		if (moved == MAP_FAILED)
			complain("mremap of an arena");
		else
			memory = static_cast<char *>(moved);
		madvise(somewhere(), page_size, MADV_DONTNEED);
		usleep(1000);
	});
	round.run_for(seconds);
	munmap(memory, size);
}

void write_text(const std::string &path, const std::string &text)
{
	std::ofstream(path) << text;
}

/*
 * A task may use less memory than the pipes have room for: it is killed or refused in the middle
 * of a splice. What is in the pipes then is the beginning of what was put in.
 */
void fill_with_little_memory(const File &file, const std::string &bytes)
{
	std::array<Pipe, 4> all;

	for (Pipe &pipe : all) {
		pipe = make_pipe(O_NONBLOCK | O_CLOEXEC);
		backend().resize(pipe.out(), static_cast<unsigned>(bytes.size()));
	}

	pid_t pid = checked(fork(), "fork");

	if (pid == 0) {
		write_text("/sys/fs/cgroup/limited/cgroup.procs", "0");
		for (const Pipe &pipe : all) {
			off64_t offset = 0;

			while (backend()
				       .splice(file.fd(), &offset, pipe.out(), nullptr, pages(64),
					       0)
				       .bytes())
				;
		}
		_exit(0);
	}
	while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR)
		;
	for (const Pipe &pipe : all) {
		std::string got = drain(pipe.in());

		if (auto equal = same(got, bytes.substr(0, got.size())); !equal)
			complain(std::string("after a limit was hit: ") + equal.message());
	}
}

void little_memory(double seconds)
{
	const std::string bytes = pattern(1 << 20);
	File file(on_ext4, bytes);
	Round round;

	mkdir("/sys/fs/cgroup/limited", 0755);
	write_text("/sys/fs/cgroup/limited/memory.max", std::to_string(2 << 20));
	round.loop([&] { fill_with_little_memory(file, bytes); });
	round.run_for(seconds);
	rmdir("/sys/fs/cgroup/limited");
}

/* Everything around the scenarios that must not matter to them. */

void refuse_to_leave()
{
	if (syscall(SYS_delete_module, "privpipe", O_NONBLOCK) == 0)
		complain("the module was removed while in use");
	usleep(10000);
}

void make_memory_short()
{
	constexpr auto group = "/sys/fs/cgroup/races";

	mkdir(group, 0755);
	write_text("/sys/fs/cgroup/races/memory.high", std::to_string(64 << 20));
	write_text("/sys/fs/cgroup/races/cgroup.procs", "0");
}

void leave_group()
{
	write_text("/sys/fs/cgroup/cgroup.procs", "0");
	rmdir("/sys/fs/cgroup/races");
}

/* A page may be taken, reclaimed, swapped and moved about at a time. */
void disturb_memory()
{
	write_text("/proc/sys/vm/compact_memory", "1");
	write_text("/sys/fs/cgroup/races/memory.reclaim", std::to_string(4 << 20));
	usleep(50000);
}

/* Swaps to @disk, a disk in memory, where the kernel can. */
void swap_to(const std::string &disk)
{
	const std::string command = "grep -q " + disk + " /proc/swaps || { mkswap " + disk +
				    " >/dev/null && swapon " + disk + "; }";

	if (access("/proc/swaps", F_OK) == 0 && access(disk.c_str(), F_OK) == 0 &&
	    system(command.c_str()) != 0)
		complain("no swap");
}

/* As many pages as can be are taken, where a call can't ask for it. */
void take_whatever_there_is()
{
	const std::string &policy = backend().parameters().policy;

	if (policy.empty())
		return;
	write_text(policy, "always");
	write_text(policy + "-gifts", "1");
}

struct Scenario {
	const char *name;
	void (*run)(double seconds);
};

constexpr Scenario scenarios[] = {
	{"readers and writers", readers_and_writers},
	{"pipe to pipe, both ways", pipe_to_pipe_both_ways},
	{"through a stock pipe", through_a_stock_pipe},
	{"tee in circles", tee_in_circles},
	{"ends come and go", ends_come_and_go},
	{"children and messages", children_and_messages},
	{"signals in every wait", signals_in_every_wait},
	{"an ext4 file changes", ext4_file_changes},
	{"an xfs file changes", xfs_file_changes},
	{"an arena in use", arena_in_use},
	{"little memory", little_memory},
};

void run_all(double seconds, const std::string &only)
{
	Round around;

	make_memory_short();
	if (is_private_backend()) {
		around.loop(refuse_to_leave);
	} else {
		swap_to("/dev/ram3");
		take_whatever_there_is();
	}
	around.loop(disturb_memory);
	around.loop([] {
		write_text("/proc/sys/vm/drop_caches", "3");
		usleep(50000);
	});
	for (const Scenario &scenario : scenarios) {
		if (!std::string_view(scenario.name).starts_with(only))
			continue;
		printf("%s\n", scenario.name);
		scenario.run(only.empty() ? seconds / std::size(scenarios) : seconds);
		if (complained())
			break;
	}
	leave_group();
}

void ignore(int) {}

} // namespace

int main(int argc, char **argv)
{
	const option names[] = {{"seconds", required_argument, nullptr, 's'},
				{"backend", required_argument, nullptr, 'b'},
				{"only", required_argument, nullptr, 'o'},
				{"nothing", no_argument, nullptr, 'n'},
				{}};
	std::string chosen = "module", only;
	double seconds = 10;

	for (int c; (c = getopt_long(argc, argv, "", names, nullptr)) != -1;) {
		if (c == 's')
			seconds = strtod(optarg, nullptr);
		else if (c == 'b')
			chosen = optarg;
		else if (c == 'o')
			only = optarg;
		else
			return c == 'n' ? 0 : 2;
	}

	setvbuf(stdout, nullptr, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);

	/* Without SA_RESTART: a signal has to end every wait. */
	struct sigaction action = {};

	action.sa_handler = ignore;
	sigaction(SIGUSR1, &action, nullptr);
	try {
		if (!select_backend(chosen))
			return 2;
		run_all(seconds, only);
	} catch (const std::exception &error) {
		complain(error.what());
	}
	return complained() ? EXIT_FAILURE : EXIT_SUCCESS;
}
