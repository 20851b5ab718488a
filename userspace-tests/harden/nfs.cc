// SPDX-License-Identifier: GPL-2.0
#include "harden/nfs.hh"

#include "support/fd.hh"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

using namespace std::chrono_literals;

namespace {

const std::string control = "/proc/fs/nfsd";
const std::string caches = "/proc/net/rpc/";

void run(const std::string &command)
{
	if (std::system(command.c_str()))
		throw std::runtime_error(command + " failed");
}

/* In one write(2), as these files want it. */
void tell(const std::string &path, const std::string &text)
{
	Fd file(open(path.c_str(), O_WRONLY | O_CLOEXEC), "open " + path);

	checked(write(file.get(), text.data(), text.size()), "write " + path);
}

/*
 * What mountd answers when the server asks it: that 127.0.0.1 is the client "guest", which may
 * write to @directory, and that file system number 0, where NFSv4 begins, is there.
 */
void allow(const std::string &directory)
{
	const std::string forever = " 2147483647 ";
	constexpr unsigned no_subtree_check = 0x400, fsid = 0x2000;

	tell(caches + "auth.unix.ip/channel", "nfsd 127.0.0.1" + forever + "guest\n");
	tell(caches + "nfsd.export/channel", "guest " + directory + forever +
						     std::to_string(no_subtree_check | fsid) +
						     " 65534 65534 0\n");
	tell(caches + "nfsd.fh/channel", "guest 1 \\x00000000" + forever + directory + "\n");
}

void end_grace()
{
	Fd file(open((control + "/v4_end_grace").c_str(), O_WRONLY | O_CLOEXEC), "v4_end_grace");

	if (write(file.get(), "Y\n", 2) < 0 && errno != EBUSY)
		throw_errno("write v4_end_grace");
}

void start()
{
	checked(mount("nfsd", control.c_str(), "nfsd", 0, nullptr), "mount " + control);
	tell(control + "/versions", "-3\n"); /* would ask for an rpcbind */
	/* Where no program can record clients, as on 7.x, it ends by itself, then. */
	tell(control + "/nfsv4leasetime", "10\n");
	tell(control + "/nfsv4gracetime", "10\n");
	tell(control + "/portlist", "tcp 2049\n");
	tell(control + "/threads", "1\n");
	end_grace();
}

} // namespace

NfsServer::NfsServer(const std::string &directory) : path_("/tmp/nfs")
{
	/* The server ends its grace period early only if a program records its clients. */
	run("modprobe nfsd cltrack_prog=/bin/true");
	run("modprobe nfsv4");
	start();
	allow(directory);
	mkdir(path_.c_str(), 0755);
	checked(mount("127.0.0.1:/", path_.c_str(), "nfs4", 0,
		      "addr=127.0.0.1,clientaddr=127.0.0.1,vers=4.1"),
		"mount " + path_);
}

NfsServer::~NfsServer()
{
	umount(path_.c_str());
	std::ofstream(control + "/threads") << "0\n" << std::flush;
	for (const char *cache : {"auth.unix.ip", "nfsd.export", "nfsd.fh"})
		std::ofstream(caches + cache + "/flush") << "2147483647\n" << std::flush;
	umount(control.c_str());
	std::system("modprobe -ra nfsd nfsv4");
}

bool NfsServer::waits_for_disk() const
{
	auto line = [](const std::filesystem::path &path) {
		std::string text;

		std::getline(std::ifstream(path), text);
		return text;
	};

	for (int tries = 3000; tries; tries--) {
		for (const auto &process : std::filesystem::directory_iterator("/proc"))
			if (line(process.path() / "comm") == "nfsd" &&
			    line(process.path() / "stat").find(" (nfsd) D ") != std::string::npos)
				return true;
		std::this_thread::sleep_for(10ms);
	}
	return false;
}
