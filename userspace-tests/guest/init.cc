// SPDX-License-Identifier: GPL-2.0
/*
 * PID 1 of the test guest: sets the machine up, runs the suites of /etc/plan (see plan.hh), unloads
 * the module, looks for what the kernel has to complain of, and reports one verdict to the host.
 */
#include "plan.hh"
#include "system.hh"

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include <csignal>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

struct End {
	bool in_time;
	int status;
};

[[noreturn]] void become(const Suite &suite)
{
	std::vector<char *> argv;

	for (auto &word : suite.argv)
		argv.push_back(const_cast<char *>(word.c_str()));
	argv.push_back(nullptr);
	setsid();
	execvp(argv[0], argv.data());
	std::perror(argv[0]);
	_exit(127);
}

bool wait_for(pid_t pid, int seconds)
{
	int fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
	pollfd ready = {.fd = fd, .events = POLLIN, .revents = 0};
	bool in_time = poll(&ready, 1, seconds * 1000) == 1;

	close(fd);
	return in_time;
}

End run(const Suite &suite)
{
	End end = {};
	pid_t pid = fork();

	if (pid == 0)
		become(suite);
	end.in_time = wait_for(pid, suite.seconds);
	if (!end.in_time) {
		// Print all stacks on the kernel's console, to show where it hangs.
		write_file("/proc/sysrq-trigger", "t");
		std::printf("suite %s: no end after %d seconds\n", suite.name.c_str(),
			    suite.seconds);
	}
	// Children that outlive their suite go with it.
	kill(-1, SIGKILL);
	if (!wait_for(pid, 10)) {
		std::printf("suite %s: survives SIGKILL\n", suite.name.c_str());
		finish(false);
	}
	waitpid(pid, &end.status, 0);
	while (wait(nullptr) > 0)
		;
	return end;
}

Tally run_gtest(Suite suite)
{
	std::string report = "/tmp/" + suite.name + ".json";

	suite.argv.push_back("--gtest_output=json:" + report);
	End end = run(suite);
	Tally tally = read_report(report);
	if (tally.passed + tally.failed + tally.skipped == 0) {
		std::printf("suite %s: no test reported, wait status %#x\n", suite.name.c_str(),
			    end.status);
		tally.failed++;
	} else if (end.status && !tally.failed) {
		std::printf("suite %s: wait status %#x\n", suite.name.c_str(), end.status);
		tally.failed++;
	}
	std::printf("suite %s: %s\n", suite.name.c_str(), tally.text().c_str());
	return tally;
}

Tally run_program(const Suite &suite)
{
	bool passed = run(suite).status == 0;
	Tally tally = {.passed = passed, .failed = !passed};

	std::printf("suite %s: %s\n", suite.name.c_str(), tally.text().c_str());
	return tally;
}

[[noreturn]] void run_shell()
{
	pid_t pid = fork();

	if (pid == 0) {
		setsid();
		ioctl(STDIN_FILENO, TIOCSCTTY, 1);
		execl("/bin/sh", "-sh", nullptr);
		_exit(127);
	}
	waitpid(pid, nullptr, 0);
	finish(true);
}

Tally run_suite(const Suite &suite)
{
	if (suite.kind == "gtest")
		return run_gtest(suite);
	if (suite.kind == "run")
		return run_program(suite);
	if (suite.kind == "shell")
		run_shell();
	die("unknown kind of suite: " + suite.kind);
}

Tally expect(bool holds, const char *claim)
{
	if (!holds)
		std::printf("FAILED: %s\n", claim);
	return {.passed = holds, .failed = !holds};
}

constexpr auto kmemleak = "/sys/kernel/debug/kmemleak";

bool kernel_leaks_nothing()
{
	// An object is suspected only when it is five seconds old.
	sleep(6);
	write_file(kmemleak, "scan");
	std::string leaks = grep(kmemleak, "");
	std::fputs(leaks.c_str(), stdout);
	return leaks.empty();
}

bool taints_are_expected()
{
	// Debian's kernels set the auxiliary taint for a fanotify permission mark.
	constexpr unsigned out_of_tree = 1 << 12, is_unsigned = 1 << 13, livepatch = 1 << 15,
			   auxiliary = 1 << 16, kunit_ran = 1 << 18;
	const unsigned expected = out_of_tree | is_unsigned | auxiliary | kunit_ran |
				  (access("/lib/privpipe_harden.ko", F_OK) ? 0 : livepatch);
	unsigned taints = ~0U;

	std::ifstream("/proc/sys/kernel/tainted") >> taints;
	return !(taints & ~expected);
}

Tally check_kernel_afterwards(bool have_module)
{
	Tally tally;

	// With one CPU most races can't happen. User-Mode Linux has no other.
	tally += expect(sysconf(_SC_NPROCESSORS_ONLN) > 1 || !access("/dev/ubda", F_OK),
			"there is more than one CPU");
	if (have_module) {
		tally += expect(unload_privpipe(), "privpipe.ko unloads after its last user");
		tally += expect(load_privpipe() && unload_privpipe(), "privpipe.ko loads again");
	}
	if (!access(kmemleak, F_OK))
		tally += expect(kernel_leaks_nothing(), "kmemleak finds nothing");
	tally += expect(taints_are_expected(), "the kernel is not tainted");
	return tally;
}

} // namespace

int main()
{
	setenv("PATH", "/bin:/sbin", 1);
	setenv("HOME", "/tmp", 1);
	setenv("GTEST_COLOR", "no", 1);
	setenv("PRIVPIPE_TEST_EXT4", "/mnt/ext4", 1);
	setenv("PRIVPIPE_TEST_XFS", "/mnt/xfs", 1);
	setenv("PRIVPIPE_TEST_TMPFS", "/mnt/tmpfs", 1);
	setenv("PRIVPIPE_TEST_BLOCK", "/dev/vdc", 1);
	setvbuf(stdout, nullptr, _IOLBF, 0);

	set_up_kernel_interfaces();
	load_stock_modules();
	mount_disks();
	bring_up_loopback();
	bool have_module = !access("/lib/privpipe.ko", F_OK);
	// Leaks from booting are not ours, unless KUnit suites ran then.
	write_file(kmemleak, "scan");
	if (have_module)
		write_file(kmemleak, "clear");
	if (have_module && !load_privpipe())
		die("loading privpipe.ko");

	Tally total;
	for (const auto &suite : read_plan("/etc/plan"))
		total += run_suite(suite);
	total += check_kernel_afterwards(have_module);
	save_coverage();
	std::printf("guest: %s\n", total.text().c_str());
	finish(total.failed == 0);
}
