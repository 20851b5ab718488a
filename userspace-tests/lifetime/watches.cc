// SPDX-License-Identifier: GPL-2.0
/*
 * Watches on pipes and arenas. A watch holds an inode without any descriptor of it: whoever closes
 * the last one must come back, nobody else may have to wait, and the watch ends.
 */
#include "lifetime/module.hh"
#include "lifetime/task.hh"
#include "support/notify.hh"

#include <fcntl.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <map>

namespace {

enum class Watcher { inotify, fanotify };
enum class Watched { pipe, arena };

Fd make_group(Watcher watcher)
{
	if (watcher == Watcher::inotify)
		return Fd(inotify_init1(IN_NONBLOCK | IN_CLOEXEC), "inotify_init1");
	return Fd(fanotify_init(FAN_NONBLOCK | FAN_CLOEXEC, O_RDWR), "fanotify_init");
}

/* All events of reading and closing, on a group's first watch. */
void watch(Watcher watcher, int group, const std::string &path)
{
	if (watcher == Watcher::inotify)
		checked(inotify_add_watch(group, path.c_str(), IN_ACCESS | IN_MODIFY | IN_CLOSE),
			"inotify_add_watch");
	else
		checked(fanotify_mark(group, FAN_MARK_ADD, FAN_ACCESS | FAN_MODIFY | FAN_CLOSE,
				      AT_FDCWD, path.c_str()),
			"fanotify_mark");
}

void unwatch(Watcher watcher, int group)
{
	if (watcher == Watcher::inotify)
		inotify_rm_watch(group, 1);
	else
		fanotify_mark(group, FAN_MARK_FLUSH, 0, AT_FDCWD, nullptr);
}

/* The files of a watched process, each with the letter that closes it. */
class Holdings {
public:
	explicit Holdings(Watched watched)
	{
		fds_['d'] = open_device();
		if (watched == Watched::pipe) {
			PrivatePipe pipe(fds_['d'].get());

			checked(write(pipe.write_end.get(), "unread", 6), "write");
			fds_['r'] = std::move(pipe.read_end);
			fds_['w'] = std::move(pipe.write_end);
			target_ = fds_['r'].get();
		} else {
			fds_['a'] = make_arena(fds_['d'].get());
			target_ = fds_['a'].get();
			memory_ = checked(mmap(nullptr, arena_size, PROT_READ | PROT_WRITE,
					       MAP_SHARED, target_, 0),
					  "mmap");
			memset(memory_, 'x', arena_size);
		}
	}

	/* Every order in which @watched and a watch on it can be closed. */
	static std::string letters(Watched watched)
	{
		return watched == Watched::pipe ? "dnrw" : "adnv";
	}

	int target() const { return target_; }

	void close(char letter)
	{
		if (letter == 'v')
			munmap(memory_, arena_size);
		else
			fds_[letter].reset();
	}

private:
	std::map<char, Fd> fds_;
	int target_ = -1;
	void *memory_ = nullptr;
};

void mount_and_unmount()
{
	mkdir("/tmp/elsewhere", 0755);
	checked(mount("tmpfs", "/tmp/elsewhere", "tmpfs", 0, nullptr), "mount");
	checked(umount("/tmp/elsewhere"), "umount");
}

void expect_nobody_else_waits()
{
	EXPECT_EQ(outcome_of(sync), "") << "sync(2)";
	EXPECT_EQ(outcome_of([] { std::ofstream("/proc/sys/vm/drop_caches") << "3"; }), "");
	EXPECT_EQ(outcome_of(mount_and_unmount), "");
}

/* @body closes the file that @group watches; if it hangs, the watch is removed from outside. */
void expect_closes(Watcher watcher, Fd group, bool lend, const std::function<void()> &body)
{
	const int number = group.get();
	Task task(body);

	if (lend)
		group.reset();

	const std::string outcome = task.outcome();

	EXPECT_EQ(outcome, "");
	expect_nobody_else_waits();
	if (!outcome.empty())
		unwatch(watcher, lend ? task.borrow(number).get() : number);
}

std::pair<Fd, Fd> stock_pipe()
{
	std::array<int, 2> ends;

	checked(pipe2(ends.data(), O_CLOEXEC), "pipe2");
	return {Fd(ends[0]), Fd(ends[1])};
}

class Watches : public WithModule,
		public testing::WithParamInterface<std::tuple<Watcher, Watched>> {
protected:
	const Watcher watcher = std::get<0>(GetParam());
	const Watched watched = std::get<1>(GetParam());
};

std::string name_of(const testing::TestParamInfo<Watches::ParamType> &info)
{
	const auto [watcher, watched] = info.param;

	return std::string(watched == Watched::pipe ? "Pipe" : "Arena") +
	       (watcher == Watcher::inotify ? "ByInotify" : "ByFanotify");
}

INSTANTIATE_TEST_SUITE_P(All, Watches,
			 testing::Combine(testing::Values(Watcher::inotify, Watcher::fanotify),
					  testing::Values(Watched::pipe, Watched::arena)),
			 name_of);

} // namespace

TEST_P(Watches, AllClosesReturnInEveryOrder)
{
	std::string order = Holdings::letters(watched);

	do {
		SCOPED_TRACE("closing in the order " + order);
		Fd group = make_group(watcher);
		const int number = group.get();

		expect_closes(watcher, std::move(group), true, [&] {
			Holdings all(watched);

			watch(watcher, number, fd_path(all.target()));
			for (char letter : order)
				letter == 'n' ? static_cast<void>(close(number))
					      : all.close(letter);
		});
		EXPECT_EQ(remove_module_soon(), moved(0)) << module_users() << " users";
		load_module();
	} while (!HasFailure() && std::next_permutation(order.begin(), order.end()));
}

TEST_P(Watches, AProcessMayExitWithEverythingOpen)
{
	Fd group = make_group(watcher);
	const int number = group.get();

	expect_closes(watcher, std::move(group), false, [&] {
		Holdings all(watched);

		watch(watcher, number, fd_path(all.target()));
		_exit(0);
	});
}

/* The watch is somebody else's, who keeps it; it ends with the last close, and the module can go.
 */
TEST_P(Watches, SomebodyElseMayWatchTheLastClose)
{
	Fd group = make_group(watcher);
	auto [told, tell] = stock_pipe();
	auto [asked, ask] = stock_pipe();
	int target = -1;
	char byte;
	Task task([&] {
		Holdings all(watched);
		const int number = all.target();

		group.reset();
		ask.reset();
		checked(write(tell.get(), &number, sizeof(number)), "write");
		read(asked.get(), &byte, 1);
	});

	checked(read(told.get(), &target, sizeof(target)), "read");
	watch(watcher, group.get(), fd_path(target, task.pid()));
	ask.reset();

	const std::string outcome = task.outcome();

	EXPECT_EQ(outcome, "");
	expect_nobody_else_waits();
	if (!outcome.empty())
		unwatch(watcher, group.get());
	else if (watcher == Watcher::inotify)
		EXPECT_TRUE(inotify_events(group.get()) & IN_IGNORED);
	else
		group.reset(); /* an event that nobody has read holds its inode */
	EXPECT_EQ(remove_module_soon(), moved(0)) << module_users() << " users";
	load_module();
}

/* O_PATH holds the inode as a descriptor does: the watched inode can still be opened. */
TEST_F(WithModule, AWatchLivesAsLongAsThereIsAWayBackIn)
{
	Fd device = open_device();
	Fd group = make_group(Watcher::inotify);
	PrivatePipe pipe(device.get());
	Fd path(open(fd_path(pipe.read_end.get()).c_str(), O_PATH | O_CLOEXEC), "open O_PATH");
	char byte;

	watch(Watcher::inotify, group.get(), fd_path(path.get()));
	checked(write(pipe.write_end.get(), "unread", 6), "write");
	device.reset();
	pipe.read_end.reset();
	pipe.write_end.reset();
	EXPECT_FALSE(inotify_events(group.get()) & IN_IGNORED);
	EXPECT_EQ(remove_module(), failed(EAGAIN));

	Fd again(open(fd_path(path.get()).c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC), "open again");

	EXPECT_EQ(result_of(read(again.get(), &byte, 1)), failed(EAGAIN));
	EXPECT_EQ(result_of(write(again.get(), "x", 1)), moved(1));
	EXPECT_EQ(result_of(read(again.get(), &byte, 1)), moved(1));
	EXPECT_EQ(inotify_events(group.get()) & (IN_MODIFY | IN_ACCESS | IN_IGNORED),
		  uint32_t{IN_MODIFY | IN_ACCESS});
	again.reset();
	path.reset();
	EXPECT_TRUE(inotify_events(group.get()) & IN_IGNORED);
}
