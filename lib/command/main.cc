// SPDX-License-Identifier: MIT
#include "command.h"
#include "message.h"

#include <array>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <unistd.h>

namespace {

struct Entry {
	std::string name;
	Command run;
	const char *usage;
};

const std::array commands{
	Entry{"copy", copy_command,
	      "usage: privpipe copy [OPTION]... SRC DST\n"
	      "Copy SRC to DST through a private pipe.\n"
	      "\n"
	      "SRC and DST are each one of\n"
	      "  PATH        a file, device or FIFO; DST is replaced when the copy is complete\n"
	      "  -           standard input, standard output\n"
	      "  HOST:PORT   connect to it over TCP; [ADDRESS]:PORT for IPv6\n"
	      "  :PORT       wait for one TCP connection\n"
	      "A name that exists is a PATH. Write ./NAME for a new file whose name looks like\n"
	      "HOST:PORT.\n"
	      "\n"
	      "  --policy=never|move|auto|always\n"
	      "                    when pages of SRC are taken out of the page cache\n"
	      "                    instead of copied (default: what the module says)\n"
	      "  --capacity=BYTES  of the pipe; K, M and G may follow (default: 64K)\n"
	      "  --bind=ADDRESS    the address of this machine that :PORT is at (default: all)\n"
	      "  --wait=SECONDS    how long the receiver may take to close the connection after\n"
	      "                    the last byte has arrived (default: 60)\n"
	      "  --in-place        write into DST instead of replacing it\n"
	      "  --quiet           print nothing but errors\n"
	      "  -h, --help        print this\n"},
	Entry{"stat", stat_command,
	      "usage: privpipe stat [OPTION]...\n"
	      "Show the counters of privpipe and privpipe_harden: on a terminal those that\n"
	      "count, again and again, with what they grow by each second; otherwise all of\n"
	      "them once.\n"
	      "\n"
	      "  --interval=SECONDS  how long to wait in between (default: 1), and go on\n"
	      "                      where the output is no terminal\n"
	      "  --once              show them once\n"
	      "  --json              print each sample as a JSON object on one line\n"
	      "  --sysroot=DIR       read below DIR/sys instead of /sys\n"
	      "  -h, --help          print this\n"},
	Entry{"demo", demo_command,
	      "usage: privpipe demo [OPTION]...\n"
	      "Show on this machine what a private pipe does differently.\n"
	      "\n"
	      "  --dir=DIR  where to put test files of 192 MiB, best on ext4\n"
	      "             (default: $PRIVPIPE_TEST_EXT4, else /var/tmp)\n"
	      "  -h, --help print this\n"},
};

const char *const general_usage =
	"usage: privpipe COMMAND [ARGUMENT]...\n"
	"Pipes that own their pages: move data, look, and learn.\n"
	"\n"
	"  privpipe copy SRC DST   copy a file, pipe or TCP connection to another\n"
	"  privpipe stat           show the module's counters\n"
	"  privpipe demo           show what a private pipe does differently\n"
	"  privpipe help COMMAND   explain a command\n"
	"  privpipe --version      print the version\n"
	"\n"
	"See privpipe(1).\n";

const Entry *find(const std::string &name)
{
	for (const Entry &entry : commands)
		if (entry.name == name)
			return &entry;
	return nullptr;
}

int help(const std::string &topic)
{
	if (!topic.empty() && !find(topic)) {
		complain("no command '" + topic + "'");
		print_usage(stderr, "");
		return usage_error;
	}
	print_usage(stdout, topic);
	return 0;
}

// A file that is opened must not become a standard stream that was closed.  These are open the
// wrong way round, so that using them fails as it would have.
void open_standard_streams()
{
	for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
		if (::fcntl(fd, F_GETFD) < 0)
			// The lowest number is free, so it is this one.
			(void)::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

} // namespace

void print_usage(std::FILE *out, const std::string &name)
{
	const Entry *entry = find(name);

	std::fputs(entry ? entry->usage : general_usage, out);
}

int main(int argc, char **argv)
{
	const std::string name = argc > 1 ? argv[1] : "";

	open_standard_streams();
	// A reader that went away is an error to report, not a reason to vanish; so is a limit.
	std::signal(SIGPIPE, SIG_IGN);
	std::signal(SIGXFSZ, SIG_IGN);

	if (name == "--version") {
		std::puts("privpipe " PRIVPIPE_VERSION);
		return 0;
	}
	if (name == "--help" || name == "-h" || name == "help")
		return help(name == "help" && argc > 2 ? argv[2] : "");
	if (const Entry *entry = find(name))
		return entry->run(argc - 1, argv + 1);
	if (!name.empty())
		complain("no command '" + name + "'");
	print_usage(stderr, "");
	return usage_error;
}
