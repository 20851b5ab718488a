// SPDX-License-Identifier: GPL-2.0
#include "support/cgroup.hh"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include <fstream>

namespace {

void write_text(const std::string &path, const std::string &text)
{
	Fd file(open(path.c_str(), O_WRONLY | O_CLOEXEC), "open " + path);

	checked(::write(file.get(), text.data(), text.size()), "write " + path);
}

/* The mount point of cgroup2, with the memory controller handed down to children. */
std::string root()
{
	const std::string usual = "/sys/fs/cgroup";

	if (access((usual + "/cgroup.controllers").c_str(), F_OK) != 0)
		checked(mount("cgroup2", usual.c_str(), "cgroup2", 0, nullptr), "mount cgroup2");
	write_text(usual + "/cgroup.subtree_control", "+memory");
	return usual;
}

} // namespace

Cgroup::Cgroup() : path_(root() + "/privpipe-test")
{
	checked(mkdir(path_.c_str(), 0755), "mkdir " + path_);
	limit_ = Fd(open((path_ + "/memory.max").c_str(), O_WRONLY | O_CLOEXEC), "open its limit");
	/* Only there where there is swap. */
	std::ofstream(path_ + "/memory.swap.max") << 0;
}

Cgroup::~Cgroup()
{
	rmdir(path_.c_str());
}

void Cgroup::enter() const
{
	/* Else khugepaged may charge a huge page to it at any time. */
	checked(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0), "PR_SET_THP_DISABLE");
	write("cgroup.procs", "0");
}

size_t Cgroup::current() const
{
	size_t bytes = 0;

	std::ifstream(path_ + "/memory.current") >> bytes;
	return bytes;
}

size_t Cgroup::stat(const std::string &name) const
{
	std::ifstream file(path_ + "/memory.stat");
	std::string word;
	size_t bytes = 0;

	while (file >> word >> bytes)
		if (word == name)
			return bytes;
	throw_errno("no " + name + " in memory.stat", ENOENT);
}

void Cgroup::limit(size_t bytes) const
{
	const std::string text = std::to_string(bytes);

	checked(pwrite(limit_.get(), text.data(), text.size(), 0), "set a limit");
}

size_t Cgroup::event(const std::string &name) const
{
	std::ifstream file(path_ + "/memory.events");
	std::string word;
	size_t count = 0;

	while (file >> word >> count)
		if (word == name)
			return count;
	throw_errno("no " + name + " in memory.events", ENOENT);
}

void Cgroup::write(const std::string &file, const std::string &text) const
{
	write_text(path_ + "/" + file, text);
}
