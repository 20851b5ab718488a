// SPDX-License-Identifier: MIT
#include "command.h"
#include "message.h"

#include <array>
#include <csignal>
#include <cstdio>
#include <exception>
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
	      "                    when to take pages of SRC out of the page cache instead\n"
	      "                    of copying them (default: the module's policy)\n"
	      "  --capacity=BYTES  size of the pipe; K, M or G may follow (default: 64K)\n"
	      "  --bind=ADDRESS    the address of this machine to listen on (default: all)\n"
	      "  --wait=SECONDS    how long the receiver may take to close the connection after\n"
	      "                    the last byte has arrived (default: 60)\n"
	      "  --in-place        write into DST instead of replacing it\n"
	      "  --quiet           print nothing but errors\n"
	      "  -h, --help        print this\n"},
	Entry{"stat", stat_command,
	      "usage: privpipe stat [OPTION]...\n"
	      "Show the counters of privpipe and privpipe_harden. On a terminal, repeatedly\n"
	      "show those that are not zero and how much they grow each second; otherwise show\n"
	      "all of them once.\n"
	      "\n"
	      "  --interval=SECONDS  show the counters repeatedly, at this interval (default: 1)\n"
	      "  --once              show the counters once\n"
	      "  --json              print each sample as a JSON object on one line\n"
	      "  --prometheus        show them and the state of privpipe_harden once, for a file\n"
	      "                      that node_exporter's textfile collector reads\n"
	      "  --sysroot=DIR       read below DIR/sys instead of /sys\n"
	      "  -h, --help          print this\n"},
	Entry{"harden", harden_command,
	      "usage: privpipe harden [OPTION]... COMMAND\n"
	      "See and change what privpipe_harden does.\n"
	      "\n"
	      "  status   show it; the exit status is 0 if it is in force, 3 off, 4 audit,\n"
	      "           5 changing, 6 not built for this kernel, 7 not signed for it\n"
	      "  enforce  have pipes get copies\n"
	      "  audit    change nothing, but count by program what would be copied\n"
	      "  off      have pipes share pages again\n"
	      "  start    do what the kernel command line and modprobe.d say, or else enforce\n"
	      "  except add|remove CGROUP\n"
	      "           let programs in CGROUP and below go on sharing, or no longer\n"
	      "  except list\n"
	      "           show those cgroups\n"
	      "\n"
	      "  --json         print the status as a JSON object on one line\n"
	      "  --sysroot=DIR  look below DIR instead of /\n"
	      "  -h, --help     print this\n"},
	Entry{"demo", demo_command,
	      "usage: privpipe demo [OPTION]...\n"
	      "Show stock and private pipes side by side on this machine.\n"
	      "\n"
	      "  --dir=DIR  where to put test files of 192 MiB, best on ext4\n"
	      "             (default: $PRIVPIPE_TEST_EXT4, else /var/tmp)\n"
	      "  -h, --help print this\n"},
};

const char *const general_usage =
	"usage: privpipe COMMAND [ARGUMENT]...\n"
	"Move data through pipes that own their pages, and watch them.\n"
	"\n"
	"  privpipe copy SRC DST   copy a file, pipe or TCP connection to another\n"
	"  privpipe stat           show the counters of the modules\n"
	"  privpipe harden status  show what privpipe_harden does; other words change it\n"
	"  privpipe demo           show stock and private pipes side by side\n"
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
		complain("unknown command '" + topic + "'");
		print_usage(stderr, "");
		return usage_error;
	}
	print_usage(stdout, topic);
	return 0;
}

// If a standard stream is closed, a file opened later would take its number.  Fill such a number
// with /dev/null, opened in the wrong direction, so that using the stream still fails.
void open_standard_streams()
{
	for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
		if (::fcntl(fd, F_GETFD) < 0)
			// The lowest number is free, so it is this one.
			(void)::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

int run(const Entry &entry, int argc, char **argv)
{
	try {
		const int status = entry.run(argc, argv);

		if (status == 0 && std::fflush(stdout) != 0)
			return complain("cannot write 'standard output'", last_error());
		return status;
	} catch (const std::exception &error) {
		return complain(error.what());
	}
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
	// Report a missing reader or a file size limit as an error, rather than die of a signal.
	std::signal(SIGPIPE, SIG_IGN);
	std::signal(SIGXFSZ, SIG_IGN);
	// Whoever started this may ignore it, and then no child could be waited for.
	std::signal(SIGCHLD, SIG_DFL);

	if (name == "--version") {
		std::puts("privpipe " PRIVPIPE_VERSION);
		return 0;
	}
	if (name == "--help" || name == "-h" || name == "help")
		return help(name == "help" && argc > 2 ? argv[2] : "");
	if (const Entry *entry = find(name))
		return run(*entry, argc - 1, argv + 1);
	if (!name.empty())
		complain("unknown command '" + name + "'");
	print_usage(stderr, "");
	return usage_error;
}
