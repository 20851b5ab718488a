// SPDX-License-Identifier: GPL-2.0
/*
 * All that can be asked of a pipe's inode besides reading and writing: each is asked of a stock
 * pipe and of one of the backend under test, and the answers are the same, for root and for others.
 */
#include "pipe/pipe.hh"
#include "support/bytes.hh"
#include "support/child.hh"
#include "support/notify.hh"

#include <gtest/gtest.h>

#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/landlock.h>
#include <linux/loop.h>
#include <linux/openat2.h>
#include <sys/fanotify.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/quota.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include <cstring>
#include <functional>

namespace {

std::string path_of(int fd)
{
	return "/proc/self/fd/" + std::to_string(fd);
}

Result opened(int fd)
{
	Result result = result_of(fd);

	if (fd >= 0)
		close(fd);
	return result.ok() ? moved(0) : result;
}

Result reopen(int fd, int flags)
{
	return opened(open(path_of(fd).c_str(), flags | O_CLOEXEC, 0600));
}

Result lock(int fd, int command, short type)
{
	struct flock request = {.l_type = type};

	return result_of(fcntl(fd, command, &request));
}

template <class Argument = std::array<char, 256>>
Result request(int fd, unsigned long command, Argument argument = {})
{
	return result_of(ioctl(fd, command, &argument));
}

Result mode_after(int fd, mode_t mode)
{
	struct stat status;

	if (fchmod(fd, mode) || fstat(fd, &status))
		return failed(errno);
	return moved(status.st_mode);
}

Result owner_after(int fd, uid_t uid)
{
	struct stat status;

	if (fchown(fd, uid, uid) || fstat(fd, &status))
		return failed(errno);
	return moved(status.st_uid);
}

Result mtime_after(int fd)
{
	const timespec times[2] = {{.tv_sec = 1, .tv_nsec = 2}, {.tv_sec = 3, .tv_nsec = 4}};
	struct stat status;

	if (futimens(fd, times) || fstat(fd, &status))
		return failed(errno);
	return moved(static_cast<size_t>(status.st_mtim.tv_sec * 10 + status.st_mtim.tv_nsec));
}

Result flags_after(int fd, int flags)
{
	int now = fcntl(fd, F_SETFL, flags);

	return now < 0 ? failed(errno) : result_of(fcntl(fd, F_GETFL));
}

Result handle(int fd, int flags)
{
	struct {
		file_handle head;
		char bytes[MAX_HANDLE_SZ];
	} room = {.head = {.handle_bytes = MAX_HANDLE_SZ}, .bytes = {}};
	int mount;

	if (name_to_handle_at(fd, "", &room.head, &mount, AT_EMPTY_PATH | flags))
		return failed(errno);
	return moved(room.head.handle_bytes);
}

Result open_handle(int fd)
{
	struct {
		file_handle head;
		char bytes[8];
	} made_up = {.head = {.handle_bytes = 8, .handle_type = 1}, .bytes = {}};

	return opened(open_by_handle_at(fd, &made_up.head, O_RDONLY));
}

Result inotify(int fd, uint32_t mask)
{
	Fd group(inotify_init1(IN_CLOEXEC), "inotify_init1");

	return result_of(inotify_add_watch(group.get(), path_of(fd).c_str(), mask));
}

Result fanotify(int fd, unsigned kind, unsigned flags, uint64_t mask)
{
	Fd group(fanotify_init(kind | FAN_CLOEXEC, O_RDONLY));

	return result_of(fanotify_mark(group.get(), FAN_MARK_ADD | flags, mask, AT_FDCWD,
				       path_of(fd).c_str()));
}

Result landlock(int fd)
{
	landlock_ruleset_attr rules = {.handled_access_fs = LANDLOCK_ACCESS_FS_READ_FILE};
	Fd ruleset(
		static_cast<int>(syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0)));
	landlock_path_beneath_attr beneath = {.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE,
					      .parent_fd = fd};

	return result_of(syscall(SYS_landlock_add_rule, ruleset.get(), LANDLOCK_RULE_PATH_BENEATH,
				 &beneath, 0));
}

Result map(int fd, int sharing)
{
	void *memory = mmap(nullptr, page_size, PROT_READ, sharing, fd, 0);

	return memory == MAP_FAILED ? failed(errno) : moved(0);
}

Result link_at(int fd, const char *name, int flags)
{
	Result result = result_of(linkat(fd, name, AT_FDCWD, "/tmp/linked", flags));

	unlink("/tmp/linked");
	return result;
}

Result bind_from(const std::string &path)
{
	const Fd target(open("/tmp/target", O_CREAT | O_RDWR, 0600));
	Result result = result_of(mount(path.c_str(), "/tmp/target", nullptr, MS_BIND, nullptr));

	if (result.ok())
		umount("/tmp/target");
	return result;
}

Result bind_over(const std::string &path)
{
	Result result = result_of(mount("/tmp", path.c_str(), nullptr, MS_BIND, nullptr));

	if (result.ok())
		umount(path.c_str());
	return result;
}

Result execute(int fd)
{
	char *const argv[] = {const_cast<char *>("pipe"), nullptr};

	fchmod(fd, 0755);
	return result_of(syscall(SYS_execveat, fd, "", argv, nullptr, AT_EMPTY_PATH));
}

Result attributes(int fd)
{
	struct statx status;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_ALL, &status))
		return failed(errno);
	return moved((status.stx_mask & STATX_ALL) | status.stx_blksize << 16 |
		     (status.stx_attributes & status.stx_attributes_mask));
}

struct Request {
	const char *name;
	std::function<Result(int)> ask;
};

/* How GoogleTest prints it. */
void PrintTo(const Request &request, std::ostream *out)
{
	*out << request.name;
}

#define REQUEST(name, call) {#name, [](int fd) -> Result { return call; }}

const std::vector<Request> requests = {
	REQUEST(ReopenToRead, reopen(fd, O_RDONLY)),
	REQUEST(ReopenToWrite, reopen(fd, O_WRONLY)),
	REQUEST(ReopenForBoth, reopen(fd, O_RDWR)),
	REQUEST(ReopenForNeither, reopen(fd, O_ACCMODE)),
	REQUEST(ReopenAppend, reopen(fd, O_WRONLY | O_APPEND)),
	REQUEST(ReopenTrunc, reopen(fd, O_WRONLY | O_TRUNC)),
	REQUEST(ReopenDirect, reopen(fd, O_WRONLY | O_DIRECT)),
	REQUEST(ReopenNonblock, reopen(fd, O_WRONLY | O_NONBLOCK)),
	REQUEST(ReopenCreate, reopen(fd, O_RDONLY | O_CREAT)),
	REQUEST(ReopenExclusive, reopen(fd, O_RDONLY | O_CREAT | O_EXCL)),
	REQUEST(ReopenDirectory, reopen(fd, O_RDONLY | O_DIRECTORY)),
	REQUEST(ReopenNofollow, reopen(fd, O_RDONLY | O_NOFOLLOW)),
	REQUEST(ReopenNoatime, reopen(fd, O_RDONLY | O_NOATIME)),
	REQUEST(ReopenSync, reopen(fd, O_WRONLY | O_SYNC)),
	REQUEST(ReopenTmpfile, reopen(fd, O_RDWR | O_TMPFILE)),
	REQUEST(ReopenPath, reopen(fd, O_PATH)),

	REQUEST(Chmod, mode_after(fd, 0644)),
	REQUEST(ChmodSetid, mode_after(fd, 06755)),
	REQUEST(ChmodToNothing, (fchmod(fd, 0), reopen(fd, O_RDONLY))),
	REQUEST(Chown, owner_after(fd, 1)),
	REQUEST(Utimes, mtime_after(fd)),
	REQUEST(Statx, attributes(fd)),
	REQUEST(SetUserXattr, result_of(fsetxattr(fd, "user.a", "b", 1, 0))),
	REQUEST(SetTrustedXattr, result_of(fsetxattr(fd, "trusted.a", "b", 1, 0))),
	REQUEST(SetAcl, result_of(fsetxattr(fd, "system.posix_acl_access", "b", 1, 0))),
	REQUEST(GetXattr, result_of(fgetxattr(fd, "user.a", nullptr, 0))),
	REQUEST(ListXattr, result_of(flistxattr(fd, nullptr, 0))),
	REQUEST(RemoveXattr, result_of(fremovexattr(fd, "user.a"))),

	REQUEST(Flock, result_of(flock(fd, LOCK_EX | LOCK_NB))),
	REQUEST(LockToRead, lock(fd, F_SETLK, F_RDLCK)),
	REQUEST(LockToWrite, lock(fd, F_SETLK, F_WRLCK)),
	REQUEST(LockDescription, lock(fd, F_OFD_SETLK, F_WRLCK)),
	REQUEST(ReadLease, result_of(fcntl(fd, F_SETLEASE, F_RDLCK))),
	REQUEST(WriteLease, result_of(fcntl(fd, F_SETLEASE, F_WRLCK))),
	REQUEST(Dnotify, result_of(fcntl(fd, F_NOTIFY, DN_ACCESS))),
	REQUEST(AddSeals, result_of(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE))),
	REQUEST(GetSeals, result_of(fcntl(fd, F_GET_SEALS))),
	REQUEST(FlagDirect, flags_after(fd, O_DIRECT)),
	REQUEST(FlagAppend, flags_after(fd, O_APPEND)),
	REQUEST(FlagNoatime, flags_after(fd, O_NOATIME)),
	REQUEST(FlagAsync, flags_after(fd, O_ASYNC | O_NONBLOCK)),

	REQUEST(Inotify, inotify(fd, IN_ALL_EVENTS)),
	REQUEST(InotifyDirectory, inotify(fd, IN_ALL_EVENTS | IN_ONLYDIR)),
	REQUEST(Fanotify, fanotify(fd, FAN_CLASS_NOTIF, 0, FAN_ACCESS)),
	REQUEST(FanotifyPermission, fanotify(fd, FAN_CLASS_CONTENT, 0, FAN_ACCESS_PERM)),
	REQUEST(FanotifyIdentifier, fanotify(fd, FAN_REPORT_FID, 0, FAN_ACCESS)),
	REQUEST(FanotifyMount, fanotify(fd, FAN_CLASS_NOTIF, FAN_MARK_MOUNT, FAN_ACCESS)),
	REQUEST(FanotifyFilesystem, fanotify(fd, FAN_CLASS_NOTIF, FAN_MARK_FILESYSTEM, FAN_ACCESS)),
	REQUEST(Landlock, landlock(fd)),
	REQUEST(Handle, handle(fd, 0)),
	REQUEST(HandleAsIdentifier, handle(fd, 0x200 /* AT_HANDLE_FID */)),
	REQUEST(OpenHandle, open_handle(fd)),

	REQUEST(LinkEmptyPath, link_at(fd, "", AT_EMPTY_PATH)),
	REQUEST(LinkFollow, link_at(AT_FDCWD, path_of(fd).c_str(), AT_SYMLINK_FOLLOW)),
	REQUEST(BindFrom, bind_from(path_of(fd))),
	REQUEST(BindOver, bind_over(path_of(fd))),
	REQUEST(OpenTree, opened(static_cast<int>(syscall(SYS_open_tree, fd, "",
							  AT_EMPTY_PATH | OPEN_TREE_CLONE)))),
	REQUEST(Umount, result_of(umount(path_of(fd).c_str()))),
	REQUEST(Chdir, result_of(fchdir(fd))),
	REQUEST(Chroot, result_of(chroot(path_of(fd).c_str()))),
	REQUEST(Execute, execute(fd)),
	REQUEST(Swapon, result_of(swapon(path_of(fd).c_str(), 0))),

	REQUEST(Fsync, result_of(fsync(fd))),
	REQUEST(Fdatasync, result_of(fdatasync(fd))),
	REQUEST(Syncfs, result_of(syncfs(fd))),
	REQUEST(SyncRange, result_of(sync_file_range(fd, 0, 1, SYNC_FILE_RANGE_WRITE))),
	REQUEST(Advice, moved(static_cast<size_t>(posix_fadvise(fd, 0, 1, POSIX_FADV_DONTNEED)))),
	REQUEST(Readahead, result_of(readahead(fd, 0, 1))),
	REQUEST(Truncate, result_of(truncate(path_of(fd).c_str(), 0))),
	REQUEST(CopyRange, result_of(copy_file_range(fd, nullptr, fd, nullptr, 1, 0))),
	REQUEST(Directory, result_of(syscall(SYS_getdents64, fd, nullptr, 0))),
	REQUEST(MapShared, map(fd, MAP_SHARED)),
	REQUEST(MapPrivate, map(fd, MAP_PRIVATE)),
	REQUEST(Quota, result_of(syscall(SYS_quotactl_fd, fd, QCMD(Q_SYNC, USRQUOTA), 0, nullptr))),

	REQUEST(GetFlags, request(fd, FS_IOC_GETFLAGS)),
	REQUEST(SetFlags, request(fd, FS_IOC_SETFLAGS)),
	REQUEST(GetVersion, request(fd, FS_IOC_GETVERSION)),
	REQUEST(GetAttributes, request(fd, FS_IOC_FSGETXATTR)),
	REQUEST(SetAttributes, request(fd, FS_IOC_FSSETXATTR)),
	REQUEST(GetLabel, request(fd, FS_IOC_GETFSLABEL)),
	REQUEST(Extents, request(fd, FS_IOC_FIEMAP)),
	REQUEST(Bmap, request(fd, FIBMAP)),
	REQUEST(BlockSize, request(fd, FIGETBSZ)),
	REQUEST(Freeze, request(fd, FIFREEZE)),
	REQUEST(Thaw, request(fd, FITHAW)),
	REQUEST(Trim, request(fd, FITRIM)),
	REQUEST(Clone, result_of(ioctl(fd, FICLONE, fd))),
	REQUEST(Dedupe, request(fd, FIDEDUPERANGE)),
	REQUEST(Size, request(fd, _IOR('f', 128, loff_t))), /* FIOQSIZE */
	REQUEST(Nonblock, (request(fd, FIONBIO, 1), result_of(fcntl(fd, F_GETFL)))),
	REQUEST(Async, (request(fd, FIOASYNC, 1), result_of(fcntl(fd, F_GETFL)))),
	REQUEST(Terminal, request(fd, TCGETS)),
	REQUEST(NoSuchRequest, request(fd, _IO('p', 99))),
};

#undef REQUEST

Result ask(const Pipe &pipe, bool read_end, const Request &request)
{
	errno = 0;
	return request.ask(read_end ? pipe.in() : pipe.out());
}

std::string differences(const Request &request)
{
	std::string all;

	for (bool read_end : {true, false}) {
		Result stock = ask(make_stock_pipe(), read_end, request);
		Result tested = ask(make_pipe(), read_end, request);

		if (stock == tested)
			continue;
		all += std::string(read_end ? "read" : "write") +
		       " end: " + std::to_string(tested.value) + ", a stock pipe's " +
		       std::to_string(stock.value) + "; ";
	}
	return all;
}

class PipeInode : public testing::TestWithParam<Request> {
protected:
	static void expect_no_difference()
	{
		const std::string found = differences(GetParam());

		require(found.empty(), found);
	}
};

INSTANTIATE_TEST_SUITE_P(Requests, PipeInode, testing::ValuesIn(requests),
			 [](const auto &info) { return info.param.name; });

} // namespace

TEST_P(PipeInode, AnswersAsAStockOne)
{
	EXPECT_EQ(in_child(expect_no_difference), "");
}

TEST_P(PipeInode, AnswersTheUnprivilegedAsAStockOne)
{
	EXPECT_EQ(in_child([] {
			  become_unprivileged();
			  expect_no_difference();
		  }),
		  "");
}

TEST(PipeFilesystem, SaysWhatThatOfStockPipesDoes)
{
	Pipe pipe = make_pipe();
	Pipe stock = make_stock_pipe();

	for (bool read_end : {true, false}) {
		struct statfs expected = {};
		struct statfs status = {};

		ASSERT_EQ(fstatfs(read_end ? stock.in() : stock.out(), &expected), 0);
		ASSERT_EQ(fstatfs(read_end ? pipe.in() : pipe.out(), &status), 0);
		EXPECT_EQ(status.f_type, expected.f_type);
		EXPECT_EQ(status.f_bsize, expected.f_bsize);
		EXPECT_EQ(status.f_frsize, expected.f_frsize);
		EXPECT_EQ(status.f_blocks, expected.f_blocks);
		EXPECT_EQ(status.f_bfree, expected.f_bfree);
		EXPECT_EQ(status.f_files, expected.f_files);
		EXPECT_EQ(status.f_namelen, expected.f_namelen);
		EXPECT_EQ(status.f_flags, expected.f_flags);
	}
}

TEST(PipeWatch, SeesReadsWritesAndClosesOfTheEndsThatAreThere)
{
	Pipe pipe = make_pipe();
	Notify watch(path_of(pipe.in()), IN_ACCESS | IN_MODIFY | IN_CLOSE);

	put(pipe.out(), "x");
	EXPECT_EQ(watch.events(), uint32_t(IN_MODIFY));
	get(pipe.in(), 1);
	EXPECT_EQ(watch.events(), uint32_t(IN_ACCESS));
	pipe.write_end.reset();
	EXPECT_EQ(watch.events(), uint32_t(IN_CLOSE_WRITE));
}

TEST(PipeTimes, ChangeByReadingAndWritingAsOnStock)
{
	auto changed = [](const Pipe &pipe) {
		const timespec long_ago[] = {{1000, 0}, {1000, 0}};
		struct stat status;

		checked(futimens(pipe.in(), long_ago), "futimens");
		put(pipe.out(), "abc");
		drain(pipe.in());
		checked(fstat(pipe.in(), &status), "fstat");
		return std::pair(status.st_atim.tv_sec > 1000, status.st_mtim.tv_sec > 1000);
	};

	EXPECT_EQ(changed(make_pipe()), changed(make_stock_pipe()));
}
