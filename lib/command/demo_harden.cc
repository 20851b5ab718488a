// SPDX-License-Identifier: GPL-2.0
/*
 * A program of its own, for guests: the kernel's own pipes before privpipe_harden.ko is loaded,
 * with it, and after it is removed.
 */
#include "tour.h"

#include "harden/control.hh"
#include "support/fd.hh"
#include "support/ring.hh"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#include <array>
#include <cstdlib>
#include <string>

namespace {

constexpr size_t size = 3;

struct Ends {
	Fd reader;
	Fd writer;
};

Ends make_ends()
{
	std::array<int, 2> fds;

	checked(pipe2(fds.data(), O_CLOEXEC), "pipe");
	return {Fd(fds[0]), Fd(fds[1])};
}

std::string read_text(const Ends &pipe)
{
	std::string text(size, '\0');

	checked(read(pipe.reader.get(), text.data(), size), "read the pipe");
	return text;
}

Fd make_file()
{
	const char *named = std::getenv("PRIVPIPE_TEST_EXT4");
	Fd file(open(named ? named : "/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600),
		"make a file");

	checked(pwrite(file.get(), "old", size, 0), "write the file");
	return file;
}

/* A way of the bytes "old" into a pipe; then their source is overwritten with "new". */
struct Way {
	const char *what;
	void (*fill)(const Ends &pipe);
};

template <ssize_t (*move)(int file, int pipe)>
void from_file(const Ends &pipe)
{
	Fd file = make_file();

	checked(move(file.get(), pipe.writer.get()), "fill the pipe");
	checked(pwrite(file.get(), "new", size, 0), "write the file");
}

void from_memory(const Ends &pipe)
{
	std::string memory = "old";
	const iovec piece = {memory.data(), size};

	checked(vmsplice(pipe.writer.get(), &piece, 1, 0), "vmsplice");
	memory.replace(0, size, "new");
}

ssize_t by_splice(int file, int pipe)
{
	off64_t offset = 0;

	return splice(file, &offset, pipe, nullptr, size, 0);
}

ssize_t by_sendfile(int file, int pipe)
{
	off_t offset = 0;

	return sendfile(pipe, file, &offset, size);
}

ssize_t by_io_uring(int file, int pipe)
{
	return Ring::of_this_thread()
		.run([&](io_uring_sqe *sqe) {
			io_uring_prep_splice(sqe, file, 0, pipe, -1, size, 0);
		})
		.value;
}

const Way ways[] = {
	{"splice() a file", from_file<by_splice>},
	{"sendfile() a file", from_file<by_sendfile>},
	{"io_uring splice a file", from_file<by_io_uring>},
	{"vmsplice() memory", from_memory},
};

void show(Tour &tour, const std::string &expected)
{
	bool holds[std::size(ways)];

	for (size_t i = 0; i < std::size(ways); i++) {
		Ends pipe = make_ends();

		ways[i].fill(pipe);
		const std::string seen = read_text(pipe);
		tour.note(std::string(ways[i].what) + ", overwrite it",
			  "the reader gets \"" + seen + '"');
		holds[i] = seen == expected;
	}
	for (size_t i = 0; i < std::size(ways); i++)
		tour.claim(holds[i], std::string(ways[i].what) + ": the pipe has " +
					     (expected == "old" ? "bytes of its own"
								: "the page of somebody else"));
}

} // namespace

int main()
{
	Tour tour;
	Ends early = make_ends();
	Ends late = make_ends();

	tour.step("A stock kernel",
		  "   \"old\" goes into a pipe; its source is overwritten with \"new\"; the pipe "
		  "is read.\n",
		  [&] {
			  show(tour, "new");
			  from_file<by_splice>(early);
		  });
	tour.step("The same kernel, hardened",
		  "   insmod privpipe_harden.ko; no program is restarted, no file system "
		  "remounted.\n",
		  [&] {
			  tour.claim(harden().ok(),
				     "the module loads, and every task has changed over");
			  show(tour, "old");
			  tour.claim(read_text(early) == "new",
				     "a pipe filled before is read as ever");
			  from_file<by_splice>(late);
			  tour.note("copied from files, in bytes",
				    std::to_string(counter("file_bytes")));
			  tour.note("copied from memory, in bytes",
				    std::to_string(counter("memory_bytes")));
			  tour.claim(counter("file_bytes") == 4 * size &&
					     counter("memory_bytes") == size,
				     "the counters say so");
		  });
	tour.step("The module removed again",
		  "   echo 0 > /sys/kernel/livepatch/privpipe_harden/enabled; rmmod "
		  "privpipe_harden\n",
		  [&] {
			  tour.claim(soften().ok(), "the module goes");
			  tour.claim(read_text(late) == "old",
				     "a pipe filled meanwhile keeps its bytes");
			  show(tour, "new");
		  });
	return tour.finish();
}
