// SPDX-License-Identifier: MIT
#include "process.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace std::chrono_literals;
using privpipe::Fd;

namespace {

std::string content_of(const Fd &file)
{
	std::string text(std::size_t(::lseek(file.get(), 0, SEEK_END)), '\0');

	EXPECT_EQ(::pread(file.get(), text.data(), text.size(), 0), ssize_t(text.size()));
	return text;
}

[[noreturn]] void become(const std::vector<std::string> &arguments)
{
	std::string name = "privpipe";
	const char *const preload = std::getenv("PRIVPIPE_TEST_PRELOAD");
	const auto command = std::filesystem::read_symlink("/proc/self/exe").parent_path() / name;
	std::vector<char *> argv{name.data()};

	for (const std::string &argument : arguments)
		argv.push_back(const_cast<char *>(argument.c_str()));
	argv.push_back(nullptr);
	if (preload)
		::setenv("LD_PRELOAD", preload, 1);
	::execv(command.c_str(), argv.data());
	_exit(127);
}

} // namespace

int Outcome::code() const
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

bool Outcome::complains_of(const std::string &text) const
{
	return err.find(text) != std::string::npos;
}

Process::Process(const std::vector<std::string> &arguments, const Setup &setup)
	: out_(::memfd_create("out", MFD_CLOEXEC)), err_(::memfd_create("err", MFD_CLOEXEC))
{
	pid_ = ::fork();
	if (pid_ == 0) {
		if (setup.in >= 0)
			::dup2(setup.in, STDIN_FILENO);
		::dup2(setup.out >= 0 ? setup.out : out_.get(), STDOUT_FILENO);
		::dup2(err_.get(), STDERR_FILENO);
		setup.before_exec();
		become(arguments);
	}
	handle_ = Fd(int(::syscall(SYS_pidfd_open, pid_, 0)));
}

Process::~Process()
{
	if (ended_)
		return;
	signal(SIGKILL);
	::waitpid(pid_, nullptr, 0);
}

void Process::signal(int number) const
{
	::kill(pid_, number);
}

bool Process::ends_within(std::chrono::milliseconds time) const
{
	pollfd ready{handle_.get(), POLLIN, 0};

	return ::poll(&ready, 1, int(time.count())) == 1;
}

Outcome Process::wait()
{
	Outcome outcome{};

	if (!ends_within(60s)) {
		ADD_FAILURE() << "privpipe does not end";
		signal(SIGKILL);
	}
	EXPECT_EQ(::waitpid(pid_, &outcome.status, 0), pid_);
	ended_ = true;
	outcome.out = content_of(out_);
	outcome.err = content_of(err_);
	return outcome;
}

Outcome run(const std::vector<std::string> &arguments, const Process::Setup &setup)
{
	return Process(arguments, setup).wait();
}

bool eventually(const std::function<bool()> &condition)
{
	const auto deadline = std::chrono::steady_clock::now() + 60s;

	while (!condition()) {
		if (std::chrono::steady_clock::now() > deadline)
			return false;
		std::this_thread::sleep_for(10ms);
	}
	return true;
}
