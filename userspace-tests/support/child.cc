// SPDX-License-Identifier: GPL-2.0
#include "support/child.hh"

#include "support/fd.hh"

#include <fcntl.h>
#include <grp.h>
#include <sys/wait.h>

#include <array>
#include <cstring>
#include <fstream>
#include <stdexcept>

namespace {

std::string read_text(int fd)
{
	std::string text;
	std::array<char, 512> chunk;

	for (ssize_t n; (n = read(fd, chunk.data(), chunk.size())) > 0;)
		text.append(chunk.data(), static_cast<size_t>(n));
	return text;
}

[[noreturn]] void run_and_exit(const std::function<void()> &body, int report)
{
	std::string message;

	try {
		body();
	} catch (const std::exception &error) {
		message = error.what();
	}
	_exit(write(report, message.data(), message.size()) == static_cast<ssize_t>(message.size())
		      ? 0
		      : 1);
}

} // namespace

void require(bool true_in_child, const std::string &message)
{
	if (!true_in_child)
		throw std::runtime_error(message);
}

std::string in_child(const std::function<void()> &body)
{
	std::array<int, 2> ends;

	checked(pipe2(ends.data(), O_CLOEXEC), "pipe2");

	Fd read_end(ends[0]);
	Fd write_end(ends[1]);
	pid_t pid = checked(fork(), "fork");

	if (pid == 0)
		run_and_exit(body, write_end.get());
	write_end.reset();

	std::string message = read_text(read_end.get());
	int status = 0;

	checked(waitpid(pid, &status, 0), "waitpid");
	if (WIFSIGNALED(status))
		message += std::string("killed by ") + strsignal(WTERMSIG(status));
	else if (WEXITSTATUS(status))
		message += "exit status " + std::to_string(WEXITSTATUS(status));
	return message;
}

void become_unprivileged()
{
	checked(setgroups(0, nullptr), "setgroups");
	checked(setresgid(nobody_in_particular, nobody_in_particular, nobody_in_particular),
		"setresgid");
	checked(setresuid(nobody_in_particular, nobody_in_particular, nobody_in_particular),
		"setresuid");
}

Setting::Setting(std::string path, const std::string &text) : path_(std::move(path))
{
	Fd file(open(path_.c_str(), O_RDWR | O_CLOEXEC), "open " + path_);

	old_ = read_text(file.get());
	checked(pwrite(file.get(), text.data(), text.size(), 0), "write " + path_);
}

Setting::~Setting()
{
	std::ofstream(path_) << old_;
}
