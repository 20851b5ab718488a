// SPDX-License-Identifier: GPL-2.0
#include "system.hh"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <thread>

#include <cerrno>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#if __has_include(<sys/io.h>)
#include <sys/io.h>
#endif
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

using namespace std::chrono_literals;

namespace {

#if !__has_include(<sys/io.h>)
// A machine without ports: there is nothing to open.
int ioperm(unsigned long, unsigned long, int)
{
	return -1;
}

void outb(unsigned char, unsigned short) {}
#endif

constexpr unsigned short exit_port = 0xf4;
bool have_exit_port;
constexpr auto results_line = "/dev/ttyS1";
constexpr auto privpipe_file = "/lib/privpipe.ko";

void mount_at(const char *source, const char *target, const char *type, unsigned long flags = 0)
{
	mkdir(target, 0755);
	if (mount(source, target, type, flags, nullptr))
		die(std::string("mounting ") + target);
}

bool load_module(const std::string &path)
{
	int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
	bool loaded = fd >= 0 && !syscall(SYS_finit_module, fd, "", 0);

	close(fd);
	return loaded;
}

// The disks of User-Mode Linux by the names that they have in QEMU.
void name_disks()
{
	for (char letter : {'a', 'b', 'c', 'd'}) {
		std::string disk = std::string("ubd") + letter;

		if (!access(("/dev/" + disk).c_str(), F_OK))
			symlink(disk.c_str(), (std::string("/dev/vd") + letter).c_str());
	}
}

void mount_disk(const char *device, const char *target, const char *type)
{
	// Disks are probed while PID 1 already runs.
	for (int tries = 100; access(device, F_OK) && tries; tries--)
		std::this_thread::sleep_for(50ms);
	mount_at(device, target, type);
	chmod(target, 01777);
}

} // namespace

void finish(bool passed)
{
	std::fflush(stdout);
	tcdrain(STDOUT_FILENO);
	sync();
	if (have_exit_port)
		outb(passed ? 0x10 : 0x20, exit_port);
	std::printf("guest: %s\n", passed ? "verdict 0x10" : "verdict 0x20");
	std::fflush(stdout);
	tcdrain(STDOUT_FILENO);
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

void die(const std::string &what)
{
	std::printf("guest: %s: %s\n", what.c_str(), std::strerror(errno));
	finish(false);
}

void set_up_kernel_interfaces()
{
	have_exit_port = !ioperm(exit_port, 1, 1); // now: a suite may lock the kernel down

	mount_at("dev", "/dev", "devtmpfs");
	int fd = open(results_line, O_RDWR | O_NOCTTY);
	for (int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
		dup2(fd, stream);
	close(fd);

	mount_at("proc", "/proc", "proc");
	mount_at("sys", "/sys", "sysfs");
	mount_at("tmp", "/tmp", "tmpfs");
	mount_at("shm", "/dev/shm", "tmpfs");
	mount_at("pts", "/dev/pts", "devpts");
	mount_at("cgroup", "/sys/fs/cgroup", "cgroup2");
	mount_at("debug", "/sys/kernel/debug", "debugfs");
	mount_at("trace", "/sys/kernel/tracing", "tracefs");
	symlink("/proc/self/fd", "/dev/fd");
	chmod("/tmp", 01777);
	write_file("/sys/fs/cgroup/cgroup.subtree_control", "+memory +pids");
}

void load_stock_modules()
{
	std::ifstream list("/etc/modules-load");

	for (std::string path; std::getline(list, path);)
		if (!load_module(path))
			die("loading " + path);
}

void mount_disks()
{
	mkdir("/mnt", 0755);
	name_disks();
	mount_disk("/dev/vda", "/mnt/ext4", "ext4");
	mount_disk("/dev/vdb", "/mnt/xfs", "xfs");
	mount_at("tmpfs", "/mnt/tmpfs", "tmpfs");
}

void bring_up_loopback()
{
	ifreq request = {};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	std::strcpy(request.ifr_name, "lo");
	request.ifr_flags = IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &request))
		die("bringing lo up");
	close(fd);

	// The first connection makes the kernel patch its own code. Emulation may run another CPU
	// into the breakpoint left over from that, so no other CPU shall be busy with TCP then.
	sockaddr_in nobody = {.sin_family = AF_INET,
			      .sin_port = htons(1),
			      .sin_addr = {htonl(INADDR_LOOPBACK)},
			      .sin_zero = {}};
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	static_cast<void>(connect(fd, reinterpret_cast<sockaddr *>(&nobody), sizeof(nobody)));
	close(fd);
	std::this_thread::sleep_for(100ms);
}

void save_coverage()
{
	if (access("/sys/kernel/debug/gcov", F_OK))
		return;
	/* tar can't use the size that debugfs gives for a file. */
	if (std::system("cp -a /sys/kernel/debug/gcov /tmp && tar -cf /dev/vdc -C /tmp gcov"))
		die("saving the coverage");
}

bool load_privpipe()
{
	return load_module(privpipe_file);
}

bool unload_privpipe()
{
	// The last close of a file may still be on its way through a workqueue.
	for (int tries = 50; tries; tries--) {
		if (!syscall(SYS_delete_module, "privpipe", O_NONBLOCK))
			return grep("/proc/modules", "privpipe ").empty() &&
			       access("/dev/privpipe", F_OK);
		std::this_thread::sleep_for(100ms);
	}
	return false;
}

std::string grep(const char *path, const std::string &word)
{
	std::string found;
	std::ifstream file(path);

	for (std::string line; std::getline(file, line);)
		if (line.find(word) != line.npos)
			found += line + '\n';
	return found;
}

bool write_file(const char *path, const std::string &text)
{
	std::ofstream file(path);

	return static_cast<bool>(file << text << std::flush);
}
