// SPDX-License-Identifier: GPL-2.0
/*
 * privpipe-races: everybody at once. Each scenario runs its share of the time, while signals come,
 * the page cache is dropped, memory is short and somebody tries to remove the module.
 */
#include "pipe/private.hh"
#include "races/round.hh"
#include "races/scenarios.hh"

#include <getopt.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string_view>

namespace {

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
	if (is_private_backend())
		around.loop(refuse_to_leave);
	else
		swap_to("/dev/ram3");
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
