// SPDX-License-Identifier: GPL-2.0
/* Objects that hold the module, and that nothing does after they are gone. */
#include "lifetime/module.hh"
#include "lifetime/task.hh"
#include "support/scm.hh"

#include <fcntl.h>
#include <poll.h>
#include <sys/fanotify.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <chrono>
#include <cstring>
#include <fstream>

namespace {

using Unload = WithModule;

dev_t device_of(int fd)
{
	struct stat status;

	checked(fstat(fd, &status), "fstat");
	return status.st_dev;
}

Fd open_path(int fd)
{
	return Fd(open(fd_path(fd).c_str(), O_PATH | O_CLOEXEC), "open O_PATH");
}

/* The module stays while the result of @make lives, and can be removed afterwards. */
template <class Make>
void expect_held_by(Make make)
{
	{
		auto held = make();

		EXPECT_EQ(remove_module(), failed(EAGAIN));
	}
	EXPECT_EQ(remove_module_soon(), moved(0)) << module_users() << " users";
	EXPECT_EQ(load_module(), moved(0));
}

PrivatePipe make_private_pipe()
{
	return PrivatePipe(open_device().get());
}

/* An end on its way from one socket to another. */
std::array<Fd, 2> in_flight(int fd)
{
	std::array<int, 2> ends;

	checked(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), "socketpair");
	send_fd(ends[0], fd);
	return {Fd(ends[0]), Fd(ends[1])};
}

/*
 * A group with an event that nobody has read: it has the path in it. Fanotify reports nothing of a
 * FIFO, so this takes an arena.
 */
Fd unread_event(int arena)
{
	Fd group(fanotify_init(FAN_CLOEXEC | FAN_NONBLOCK, O_RDONLY), "fanotify_init");
	pollfd entry = {.fd = group.get(), .events = POLLIN, .revents = 0};

	checked(fanotify_mark(group.get(), FAN_MARK_ADD, FAN_OPEN, AT_FDCWD,
			      fd_path(arena).c_str()),
		"fanotify_mark");
	const Fd again(open(fd_path(arena).c_str(), O_RDONLY | O_CLOEXEC), "open again");
	if (poll(&entry, 1, 0) != 1)
		throw_errno("no event", ENOENT);
	return group;
}

class Mapped {
public:
	explicit Mapped(int arena)
		: memory_(checked(
			  mmap(nullptr, arena_size, PROT_READ | PROT_WRITE, MAP_SHARED, arena, 0),
			  "mmap"))
	{
		memset(memory_, 'x', arena_size);
	}
	Mapped(Mapped &&other) noexcept : memory_(std::exchange(other.memory_, nullptr)) {}
	~Mapped()
	{
		if (memory_)
			munmap(memory_, arena_size);
	}

private:
	void *memory_;
};

} // namespace

TEST_F(Unload, TheDeviceHoldsTheModule)
{
	expect_held_by(open_device);
}

TEST_F(Unload, AnEndHoldsTheModule)
{
	expect_held_by(make_private_pipe);
	expect_held_by([] { return make_private_pipe().read_end; });
	expect_held_by([] { return make_private_pipe().write_end; });
}

TEST_F(Unload, APathToAnEndHoldsTheModule)
{
	expect_held_by([] { return open_path(make_private_pipe().read_end.get()); });
	expect_held_by([] { return open_path(make_arena(open_device().get()).get()); });
}

TEST_F(Unload, AnEndInFlightHoldsTheModule)
{
	expect_held_by([] { return in_flight(make_private_pipe().read_end.get()); });
	expect_held_by([] { return in_flight(make_private_pipe().write_end.get()); });
}

TEST_F(Unload, AnEventNobodyHasReadHoldsTheModule)
{
	expect_held_by([] { return unread_event(make_arena(open_device().get()).get()); });
}

TEST_F(Unload, AnArenaHoldsTheModuleAndSoDoesItsMapping)
{
	expect_held_by([] { return make_arena(open_device().get()); });
	expect_held_by([] { return Mapped(make_arena(open_device().get()).get()); });
}

TEST_F(Unload, LocksHoldNothing)
{
	PrivatePipe pipe = make_private_pipe();
	struct flock lock = {.l_type = F_WRLCK, .l_len = 1};
	struct flock other = {.l_type = F_RDLCK, .l_start = 1, .l_len = 1};

	EXPECT_EQ(result_of(flock(pipe.read_end.get(), LOCK_EX)), moved(0));
	EXPECT_EQ(result_of(fcntl(pipe.write_end.get(), F_OFD_SETLK, &lock)), moved(0));
	/* One of another owner, which must not meet the first. */
	EXPECT_EQ(result_of(fcntl(pipe.read_end.get(), F_SETLK, &other)), moved(0));
}

/* Every superblock is one more for each sync(2), and there are not many numbers for them. */
TEST(Superblock, ThereIsOneAsLongAsAnythingOfItLives)
{
	PrivatePipe first = make_private_pipe();
	PrivatePipe second = make_private_pipe();
	Fd arena = make_arena(open_device().get());
	const dev_t device = device_of(first.read_end.get());

	EXPECT_EQ(device_of(second.read_end.get()), device);
	EXPECT_EQ(device_of(arena.get()), device);
}

/* Others close the last pipe and walk all superblocks while the module goes. */
TEST_F(Unload, TheModuleGoesWhileOthersCloseAndSync)
{
	const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
	Task syncing([] {
		for (;;)
			sync();
	});
	Task dropping([] {
		for (;;)
			std::ofstream("/proc/sys/vm/drop_caches") << "2";
	});
	Task closing([] {
		for (;;) {
			Fd device(open("/dev/privpipe", O_RDWR | O_CLOEXEC));
			privpipe_create args = {.size = sizeof(args)};

			if (ioctl(device.get(), PRIVPIPE_CREATE, &args))
				continue;
			device.reset();
			close(args.read_fd);

			Fd path(open(fd_path(args.write_fd).c_str(), O_PATH | O_CLOEXEC));

			close(args.write_fd);
		}
	});
	int removed = 0;

	while (std::chrono::steady_clock::now() < end) {
		if (remove_module() != moved(0))
			continue;
		removed++;
		ASSERT_EQ(load_module(), moved(0));
	}
	EXPECT_GT(removed, 0);
}
