// SPDX-License-Identifier: GPL-2.0
#include "lifetime/module.hh"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include <chrono>
#include <thread>

using namespace std::chrono_literals;

Result remove_module_soon()
{
	Result removed = remove_module();

	for (int tries = 100; tries && removed == failed(EAGAIN); tries--) {
		std::this_thread::sleep_for(100ms);
		removed = remove_module();
	}
	return removed;
}

Result load_module()
{
	Fd file(open("/lib/privpipe.ko", O_RDONLY | O_CLOEXEC), "open privpipe.ko");

	return result_of(syscall(SYS_finit_module, file.get(), "", 0));
}

void WithModule::TearDown()
{
	EXPECT_EQ(remove_module_soon(), moved(0)) << module_users() << " users";
	if (module_users() < 0) {
		EXPECT_EQ(load_module(), moved(0));
	}
}

Fd open_device()
{
	return Fd(open("/dev/privpipe", O_RDWR | O_CLOEXEC), "open /dev/privpipe");
}

PrivatePipe::PrivatePipe(int device)
{
	privpipe_create args = {.size = sizeof(args), .flags = O_CLOEXEC | O_NONBLOCK};

	checked(ioctl(device, PRIVPIPE_CREATE, &args), "PRIVPIPE_CREATE");
	read_end = Fd(args.read_fd);
	write_end = Fd(args.write_fd);
}

Fd make_arena(int device)
{
	privpipe_arena args = {.size = sizeof(args), .flags = O_CLOEXEC, .length = arena_size};

	checked(ioctl(device, PRIVPIPE_ARENA, &args), "PRIVPIPE_ARENA");
	return Fd(args.fd);
}

std::string fd_path(int fd, pid_t pid)
{
	return "/proc/" + (pid ? std::to_string(pid) : "self") + "/fd/" + std::to_string(fd);
}
