// SPDX-License-Identifier: MIT
#include "command.h"
#include "counters.h"
#include "message.h"
#include "sha256.h"
#include "tour.h"

#include <privpipe/privpipe.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <future>
#include <getopt.h>
#include <linux/magic.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <vector>

using namespace privpipe;

namespace {

// An exception ends a step of the tour; see Tour::step().
[[noreturn]] void give_up(std::error_code why, const char *operation)
{
	throw std::system_error(why, operation);
}

template <typename T>
T need(Result<T> result, const char *operation)
{
	if (!result)
		give_up(result.error(), operation);
	return std::move(*result);
}

std::size_t need(ssize_t ret, const char *operation)
{
	if (ret < 0)
		give_up(last_error(), operation);
	return std::size_t(ret);
}

struct Ends {
	Fd reader;
	Fd writer;
};

// The calls that the steps make, once as the kernel offers them and once as privpipe does.
struct Calls {
	int (*create)(int fds[2]);
	ssize_t (*splice)(int file, std::int64_t *offset, int writer, std::size_t len);
	ssize_t (*vmsplice)(int writer, const iovec *memory, unsigned flags);
	ssize_t (*tee)(int reader, int writer, std::size_t len);
};

const Calls stock_pipe{
	[](int fds[2]) { return ::pipe2(fds, O_CLOEXEC); },
	[](int file, std::int64_t *offset, int writer, std::size_t len) {
		return ::splice(file, offset, writer, nullptr, len, 0);
	},
	[](int writer, const iovec *memory, unsigned flags) {
		return ::vmsplice(writer, memory, 1, flags);
	},
	[](int reader, int writer, std::size_t len) { return ::tee(reader, writer, len, 0); },
};

const Calls private_pipe{
	[](int fds[2]) {
		const Fd device(privpipe_open());
		return privpipe_create(device.get(), fds, O_CLOEXEC, 0);
	},
	[](int file, std::int64_t *offset, int writer, std::size_t len) {
		return privpipe_splice(writer, file, offset, writer, nullptr, len, 0,
				       PRIVPIPE_POLICY_DEFAULT);
	},
	[](int writer, const iovec *memory, unsigned flags) {
		return privpipe_vmsplice(writer, memory, 1, flags);
	},
	[](int reader, int writer, std::size_t len) {
		return privpipe_tee(reader, writer, len, 0);
	},
};

Ends create(const Calls &calls)
{
	int fds[2];

	need(calls.create(fds), "make a pipe");
	return {Fd(fds[0]), Fd(fds[1])};
}

// Same length, easy to tell apart.
const std::string old_text = "the old text";
const std::string new_text = "THE NEW TEXT";

std::string quoted(const std::string &text)
{
	return '"' + text + '"';
}

std::string read_text(const Ends &pipe)
{
	std::array<char, 64> buffer;

	return {buffer.data(),
		need(::read(pipe.reader.get(), buffer.data(), buffer.size()), "read")};
}

// A file without a name, gone when it is closed.
Fd temporary_file(const std::string &directory)
{
	std::string path = directory + "/privpipe-demo-XXXXXX";
	Fd file(::mkostemp(path.data(), O_CLOEXEC));

	if (!file)
		give_up(last_error(), ("make a file in '" + directory + "'").c_str());
	::unlink(path.c_str());
	return file;
}

std::string read_after_file_was_written(const Calls &calls, const std::string &directory)
{
	const Fd file = temporary_file(directory);
	const Ends pipe = create(calls);
	std::int64_t offset = 0;

	need(::pwrite(file.get(), old_text.data(), old_text.size(), 0), "write a file");
	need(calls.splice(file.get(), &offset, pipe.writer.get(), old_text.size()), "splice");
	need(::pwrite(file.get(), new_text.data(), new_text.size(), 0), "write a file");
	return read_text(pipe);
}

void file_step(Tour &tour, const std::string &directory)
{
	const std::string stock = read_after_file_was_written(stock_pipe, directory);
	const std::string ours = read_after_file_was_written(private_pipe, directory);

	tour.head("stock pipe", "private pipe");
	tour.row("the file holds", quoted(old_text), quoted(old_text));
	tour.row("splice() it into a pipe, then write", quoted(new_text), quoted(new_text));
	tour.row("the pipe's reader gets", quoted(stock), quoted(ours));
	tour.claim(stock == new_text, "stock: bytes already in the pipe changed with the file");
	tour.claim(ours == old_text, "private: the reader gets what was put in");
}

std::string read_after_memory_was_written(const Calls &calls)
{
	const Ends pipe = create(calls);
	std::string memory = old_text;
	const iovec piece{memory.data(), memory.size()};

	need(calls.vmsplice(pipe.writer.get(), &piece, 0), "vmsplice");
	memory.replace(0, memory.size(), new_text);
	return read_text(pipe);
}

void memory_step(Tour &tour)
{
	const std::string stock = read_after_memory_was_written(stock_pipe);
	const std::string ours = read_after_memory_was_written(private_pipe);

	tour.head("stock pipe", "private pipe");
	tour.row("memory holds", quoted(old_text), quoted(old_text));
	tour.row("vmsplice() it, then write", quoted(new_text), quoted(new_text));
	tour.row("the pipe's reader gets", quoted(stock), quoted(ours));
	tour.claim(stock == new_text, "stock: bytes already in the pipe changed with the memory");
	tour.claim(ours == old_text, "private: the reader gets what was put in");
}

struct Teed {
	std::string first;
	std::string second;
};

Teed read_after_tee(const Calls &calls)
{
	const Ends first = create(calls);
	const Ends second = create(calls);
	std::string memory = old_text;
	const iovec piece{memory.data(), memory.size()};

	need(calls.vmsplice(first.writer.get(), &piece, 0), "vmsplice");
	need(calls.tee(first.reader.get(), second.writer.get(), memory.size()), "tee");
	memory.replace(0, memory.size(), new_text);
	return {read_text(first), read_text(second)};
}

void tee_step(Tour &tour)
{
	const Teed stock = read_after_tee(stock_pipe);
	const Teed ours = read_after_tee(private_pipe);

	tour.head("stock pipe", "private pipe");
	tour.row("vmsplice() into pipe one", quoted(old_text), quoted(old_text));
	tour.row("tee() to pipe two, then write", quoted(new_text), quoted(new_text));
	tour.row("the reader of pipe one gets", quoted(stock.first), quoted(ours.first));
	tour.row("the reader of pipe two gets", quoted(stock.second), quoted(ours.second));
	tour.claim(stock.first == new_text && stock.second == new_text,
		   "stock: one page is in both pipes, one store changed both");
	tour.claim(ours.first == old_text && ours.second == old_text,
		   "private: each pipe has its own copy");
}

constexpr std::size_t gift_size = 65536;

// The outcome of a gift.
struct Given {
	std::string giver;  // the memory that the giver finds afterwards
	std::string reader; // the bytes that the reader gets after the giver has written again
};

// Describes the content of a buffer whose bytes should all be the same.
std::string describe(std::span<const char> bytes)
{
	if (std::ranges::adjacent_find(bytes, std::not_equal_to()) != bytes.end())
		return "a mixture";
	return bytes[0] ? "all '" + std::string(1, bytes[0]) + "'" : "all zeros";
}

Given give(const Calls &calls, int reader, int writer, std::span<char> memory)
{
	const iovec piece{memory.data(), memory.size()};
	std::vector<char> received(memory.size());

	std::ranges::fill(memory, 'G');
	if (need(calls.vmsplice(writer, &piece, SPLICE_F_GIFT), "vmsplice") != memory.size())
		give_up(std::make_error_code(std::errc::io_error), "vmsplice everything");

	Given given;
	given.giver = describe(memory);
	std::ranges::fill(memory, 'X');
	// Everything is in the pipe, and one read takes it out.
	received.resize(need(::read(reader, received.data(), received.size()), "read"));
	given.reader = describe(received);
	return given;
}

void gift_step(Tour &tour, const Device &device)
{
	alignas(4096) static std::array<char, gift_size> ordinary;
	const Ends ends = create(stock_pipe);
	const Given stock = give(stock_pipe, ends.reader.get(), ends.writer.get(), ordinary);

	const Pipe pipe = need(device.create(), "make a pipe");
	const Arena arena = need(device.create_arena(gift_size), "make an arena");
	const Given ours = give(private_pipe, pipe.reader.fd(), pipe.writer.fd(),
				{reinterpret_cast<char *>(arena.bytes().data()), gift_size});
	const Query query = need(pipe.reader.query(), "query");

	tour.head("stock pipe", "private pipe");
	tour.row("the giver's memory holds", "all 'G'", "all 'G'");
	tour.row("give it: the giver now finds", stock.giver, ours.giver);
	tour.row("the giver then writes", "all 'X'", "all 'X'");
	tour.row("the pipe's reader gets", stock.reader, ours.reader);
	tour.row("bytes taken / copied", "-",
		 std::to_string(query.taken) + " / " + std::to_string(query.copied));
	tour.claim(stock.giver == "all 'G'" && stock.reader == "all 'X'",
		   "stock: the giver keeps the memory, and changes it in the pipe");
	tour.claim(ours.reader == "all 'G'", "private: the reader gets what was given");
	tour.claim(query.taken == gift_size && query.copied == 0,
		   "private: all of it moved, no byte was copied");
	tour.claim(ours.giver == "all zeros", "private: the giver has fresh memory, all zeros");
}

constexpr std::size_t file_size = 64 << 20;

// Fills a file with numbers that never repeat, and waits until they are on the disk: dirty pages
// can't be taken.
void fill(const Fd &file)
{
	std::vector<std::uint64_t> numbers((1 << 20) / sizeof(std::uint64_t));
	std::uint64_t state = 1;

	for (std::size_t done = 0; done < file_size; done += 1 << 20) {
		for (std::uint64_t &number : numbers) {
			// Marsaglia's xorshift64.
			state ^= state << 13;
			state ^= state >> 7;
			state ^= state << 17;
			number = state;
		}
		if (need(::write(file.get(), numbers.data(), 1 << 20), "write a file") != 1 << 20)
			give_up(std::make_error_code(std::errc::io_error), "write a file");
	}
	need(::fsync(file.get()), "fsync a file");
}

// Moves a stream of the file's size. @return how its bytes entered the pipe
Query move_through(const Pipe &pipe, File source, File target, const char *operation)
{
	const Relay relay =
		splice_all(source, pipe, target, file_size, SpliceFlags::move, Policy::move);

	if (relay.error)
		give_up(relay.error, operation);
	if (relay.written != file_size)
		give_up(std::make_error_code(std::errc::io_error), operation);
	return need(pipe.reader.query(), "query");
}

struct Connection {
	Fd sender;
	Fd receiver;
};

// A TCP connection from this process to itself.
Connection connect_over_loopback()
{
	const Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	sockaddr_in address{};
	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	auto *const where = reinterpret_cast<sockaddr *>(&address);
	socklen_t len = sizeof(address);

	need(listener.get(), "make a socket");
	need(::bind(listener.get(), where, len), "bind");
	need(::listen(listener.get(), 1), "listen");
	need(::getsockname(listener.get(), where, &len), "getsockname");

	Connection connection;
	connection.sender = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	need(connection.sender.get(), "make a socket");
	need(::connect(connection.sender.get(), where, len), "connect");
	connection.receiver = Fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
	need(connection.receiver.get(), "accept");
	return connection;
}

std::string trip(const Query &query)
{
	return human(double(query.taken)) + " taken, " + human(double(query.copied)) + " copied";
}

bool on_ext4(const Fd &file)
{
	struct statfs status;

	return ::fstatfs(file.get(), &status) == 0 && status.f_type == EXT4_SUPER_MAGIC;
}

void whole_file_step(Tour &tour, const Device &device, const std::string &directory)
{
	const Fd original = temporary_file(directory);
	const Fd copied = temporary_file(directory);
	const Fd received = temporary_file(directory);
	std::int64_t offset = 0;

	fill(original);
	// Where the page cache has large folios, each write of 1 MiB made one, and they move whole.
	const Pipe pipe = need(device.create(CreateFlags::cloexec, 1 << 20), "make a pipe");
	const Query copying =
		move_through(pipe, {original.get(), &offset}, {copied.get()}, "copy the file");

	const Pipe outgoing = need(device.create(), "make a pipe");
	const Pipe incoming = need(device.create(), "make a pipe");
	Connection connection = connect_over_loopback();
	// Each side owns its socket: if one side gives up, the other notices instead of waiting.
	auto receiver = std::async(std::launch::async, [&] {
		const Fd socket = std::move(connection.receiver);
		return move_through(incoming, {socket.get()}, {received.get()}, "receive the file");
	});
	offset = 0;
	Query sending;
	{
		const Fd socket = std::move(connection.sender);
		sending = move_through(outgoing, {original.get(), &offset}, {socket.get()},
				       "send the file");
	}
	const Query receiving = receiver.get();

	auto sum_of_copied = std::async(std::launch::async, sha256, copied.get());
	auto sum_of_received = std::async(std::launch::async, sha256, received.get());
	const std::string sum = sha256(original.get());

	tour.note("file -> pipe -> file", trip(copying));
	tour.note("file -> pipe -> TCP", trip(sending));
	tour.note("TCP -> pipe -> file", trip(receiving));
	tour.note("SHA-256 of the file", sum);
	const std::string copied_sum = sum_of_copied.get();
	const std::string received_sum = sum_of_received.get();
	tour.note("SHA-256 of the copy", copied_sum);
	tour.note("SHA-256 of what came over TCP", received_sum);

	tour.claim(copied_sum == sum, "the copy is the file, byte for byte");
	tour.claim(received_sum == sum, "what came over TCP is the file, byte for byte");
	tour.claim(std::ranges::all_of(std::array{copying, sending, receiving},
				       [](const Query &query) {
					       return query.taken + query.copied == file_size;
				       }),
		   "every byte was either taken or copied, once");
	// Other file systems may keep references to their pages.
	if (on_ext4(original))
		tour.claim(
			copying.taken > file_size / 10 * 9,
			"nearly all pages of the file were taken: they moved, nobody copied them");
}

void counters_step(Tour &tour, const std::expected<Counters, std::string> &before)
{
	const auto after = read_counters(counters_directory);
	bool grown = false;

	if (!before || !after) {
		tour.note("not shown", before ? after.error() : before.error());
		return;
	}
	for (const auto &[name, value] : *after) {
		const auto old = before->find(name);
		const std::uint64_t growth = value - (old == before->end() ? 0 : old->second);
		if (growth)
			tour.note(name, std::to_string(growth));
		grown = grown || growth;
	}
	tour.claim(grown, "the module has counted what this tour did");
}

// Explains why a claim about stock pipes has failed.
std::string why_stock_differs()
{
	std::string enabled;
	std::ifstream("/sys/kernel/livepatch/privpipe_harden/enabled") >> enabled;
	return enabled == "1" ? "Stock pipes of this machine copy: privpipe_harden is loaded."
			      : "This kernel's stock pipes do not share pages: it may be patched.";
}

int run(const std::string &directory)
{
	const auto device = Device::open();
	if (!device)
		return complain("cannot open '/dev/privpipe' (is the module loaded?)",
				device.error());
	const auto counters = read_counters(counters_directory);

	utsname kernel;
	::uname(&kernel);
	std::printf(
		"A pipe carries bytes from one program to another.  splice() fills one without\n"
		"copying: the kernel puts pages of a file, or of a program's memory, into the "
		"pipe.\n"
		"In a stock pipe these pages still belong to somebody else.  A private pipe owns\n"
		"its pages: it takes those that nobody else uses, and copies all others.\n"
		"\n"
		"Both kinds, side by side, on Linux %s; files in %s.\n",
		kernel.release, directory.c_str());

	Tour tour;
	tour.step("A file that is written after splice()",
		  "   A program splices a file into a pipe; then somebody writes to the file.\n",
		  [&] { file_step(tour, directory); });
	tour.step("Memory that is written after vmsplice()",
		  "   A program hands its memory to a pipe; then it uses that memory again.\n",
		  [&] { memory_step(tour); });
	tour.step(
		"Two pipes after tee()",
		"   tee() duplicates what is in a pipe; then the memory it came from is written.\n",
		[&] { tee_step(tour); });
	tour.step("A real file of 64 MiB, copied and sent",
		  "   Once to another file, and once over TCP to a third one, always through "
		  "private\n"
		  "   pipes.  Pages of the file that nobody else uses may be taken for good.\n",
		  [&] { whole_file_step(tour, *device, directory); });
	tour.step(
		"A gift",
		"   A program gives 64 KiB of its memory away (SPLICE_F_GIFT) and then writes to\n"
		"   that memory.  For a private pipe it comes from an arena, made to be given.\n",
		[&] { gift_step(tour, *device); });
	tour.step("The counters",
		  "   The module's counters since this tour began (see privpipe stat).\n",
		  [&] { counters_step(tour, counters); });
	return tour.finish(why_stock_differs());
}

std::string default_directory()
{
	if (const char *named = std::getenv("PRIVPIPE_TEST_EXT4"))
		return named;
	// Unlike /tmp, this is rarely a tmpfs, whose pages are never taken.
	return "/var/tmp";
}

} // namespace

int demo_command(int argc, char **argv)
{
	static const option long_options[] = {
		{"dir", required_argument, nullptr, 'd'},
		{"help", no_argument, nullptr, 'h'},
		{},
	};
	std::string directory = default_directory();

	for (int c; (c = ::getopt_long(argc, argv, "h", long_options, nullptr)) != -1;) {
		if (c != 'd') {
			print_usage(c == 'h' ? stdout : stderr, "demo");
			return c == 'h' ? 0 : usage_error;
		}
		directory = optarg;
	}
	if (optind != argc) {
		print_usage(stderr, "demo");
		return usage_error;
	}
	return run(directory);
}
