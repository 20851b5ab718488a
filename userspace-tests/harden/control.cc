// SPDX-License-Identifier: GPL-2.0
#include "harden/control.hh"

#include "support/fd.hh"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>

using namespace std::chrono_literals;

namespace {

const std::string our_name = "privpipe_harden";

std::string livepatch(const std::string &name, const char *file)
{
	return "/sys/kernel/livepatch/" + name + "/" + file;
}

std::string contents(const std::string &path)
{
	std::ifstream file(path);

	return {std::istreambuf_iterator<char>(file), {}};
}

} // namespace

std::string module_image(const std::string &name)
{
	const std::string path = "/lib/" + name + ".ko";
	std::string image = contents(path);

	if (image.empty())
		throw_errno("reading " + path);
	return image;
}

Result load_image(std::string_view image, const char *parameters)
{
	return result_of(syscall(SYS_init_module, image.data(), image.size(), parameters));
}

Result harden(const char *parameters)
{
	Result loaded = load_image(module_image(), parameters);

	while (loaded.ok() && in_transition())
		std::this_thread::sleep_for(10ms);
	return loaded;
}

void disable()
{
	std::ofstream(livepatch(our_name, "enabled")) << 0 << std::flush;
}

bool in_transition(const std::string &name)
{
	return contents(livepatch(name, "transition")) == "1\n";
}

Result soften(const std::string &name)
{
	std::ofstream(livepatch(name, "enabled")) << 0 << std::flush;
	while (!access(livepatch(name, "enabled").c_str(), F_OK))
		std::this_thread::sleep_for(10ms);

	/* The livepatch core drops its hold on the module a moment later. */
	Result removed = failed(EAGAIN);
	for (int tries = 1000; tries && !removed.ok(); tries--) {
		removed = result_of(syscall(SYS_delete_module, name.c_str(), O_NONBLOCK));
		if (!removed.ok())
			std::this_thread::sleep_for(10ms);
	}
	return removed;
}

Said run(const std::string &command)
{
	FILE *pipe = popen((command + " 2>&1").c_str(), "re");
	Said said{};

	if (!pipe)
		throw std::runtime_error("popen");
	for (int c; (c = fgetc(pipe)) != EOF;)
		said.words += static_cast<char>(c);
	said.status = WEXITSTATUS(pclose(pipe));
	return said;
}

std::string unit_says(const std::string &key)
{
	std::ifstream unit("/usr/local/lib/systemd/system/privpipe-harden.service");

	for (std::string line; std::getline(unit, line);)
		if (line.starts_with(key + "="))
			return line.substr(key.size() + 1);
	throw std::runtime_error("the unit has no " + key);
}

std::uint64_t counter(const std::string &name)
{
	return std::stoull(contents("/sys/module/" + our_name + "/stats/" + name));
}

KernelLog::KernelLog() : fd_(checked(open("/dev/kmsg", O_RDONLY | O_NONBLOCK), "open /dev/kmsg"))
{
	lseek(fd_, 0, SEEK_END);
}

KernelLog::~KernelLog()
{
	close(fd_);
}

void KernelLog::read()
{
	std::array<char, 8192> record;

	for (;;) {
		ssize_t n = ::read(fd_, record.data(), record.size());

		if (n > 0)
			text_.append(record.data(), size_t(n));
		else if (errno != EPIPE) /* EPIPE: some were overwritten, go on */
			return;
	}
}

bool KernelLog::says(std::string_view words, int seconds)
{
	for (int tries = seconds * 10;; tries--) {
		read();
		if (text_.find(words) != std::string::npos)
			return true;
		if (tries <= 0)
			return false;
		std::this_thread::sleep_for(100ms);
	}
}
