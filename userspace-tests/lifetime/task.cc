// SPDX-License-Identifier: GPL-2.0
#include "lifetime/task.hh"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <array>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>

namespace {

constexpr int patience = 30'000; /* milliseconds */

std::string contents(const std::string &path)
{
	std::ifstream file(path);

	return std::string(std::istreambuf_iterator<char>(file), {});
}

/* The letter after the name, which is in parentheses. */
std::string state_of(pid_t pid)
{
	const std::string stat = contents("/proc/" + std::to_string(pid) + "/stat");
	const size_t name_end = stat.rfind(')');

	return name_end == stat.npos ? "?" : stat.substr(name_end + 2, 1);
}

[[noreturn]] void run_and_exit(const std::function<void()> &body, int report)
{
	try {
		body();
		_exit(0);
	} catch (const std::exception &error) {
		dprintf(report, "%s", error.what());
		_exit(1);
	}
}

} // namespace

Task::Task(const std::function<void()> &body)
{
	std::array<int, 2> ends;

	checked(pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), "pipe2");
	report_ = Fd(ends[0]);

	Fd write_end(ends[1]);

	pid_ = checked(fork(), "fork");
	if (pid_ == 0)
		run_and_exit(body, write_end.get());
	pidfd_ = Fd(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)), "pidfd_open");
}

Task::~Task()
{
	if (reaped_)
		return;
	kill(pid_, SIGKILL);
	waitpid(pid_, nullptr, 0);
}

Fd Task::borrow(int fd) const
{
	return Fd(static_cast<int>(syscall(SYS_pidfd_getfd, pidfd_.get(), fd, 0)), "pidfd_getfd");
}

std::string Task::outcome()
{
	pollfd ready = {.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
	std::array<char, 512> thrown;
	int status = 0;

	if (poll(&ready, 1, patience) != 1)
		return "hangs in state " + state_of(pid_) + "\n" +
		       contents("/proc/" + std::to_string(pid_) + "/stack");
	checked(waitpid(pid_, &status, 0), "waitpid");
	reaped_ = true;
	if (WIFSIGNALED(status))
		return std::string("killed by ") + strsignal(WTERMSIG(status));
	if (!WEXITSTATUS(status))
		return "";

	const ssize_t size = read(report_.get(), thrown.data(), thrown.size());

	return std::string(thrown.data(), size > 0 ? static_cast<size_t>(size) : 0) +
	       " (exit status " + std::to_string(WEXITSTATUS(status)) + ")";
}

std::string outcome_of(const std::function<void()> &body)
{
	return Task(body).outcome();
}
