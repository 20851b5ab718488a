// SPDX-License-Identifier: MIT
// privpipe copy as a user runs it: files, FIFOs, devices, standard input and output.

#include "directory.h"
#include "process.h"

#include <array>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/posix_acl_xattr.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

using privpipe::Fd;
namespace fs = std::filesystem;

namespace {

class Copy : public InDirectory {
protected:
	static constexpr std::size_t size = 300000;
	const std::string text = text_of(size);

	[[nodiscard]] Fd open(const std::string &name, int flags) const
	{
		return Fd(::open(path(name).c_str(), flags | O_CLOEXEC, 0666));
	}

	[[nodiscard]] struct stat status(const std::string &name) const
	{
		struct stat status{};
		EXPECT_EQ(::stat(path(name).c_str(), &status), 0);
		return status;
	}
};

// A command whose source is a FIFO that has delivered 1,000 bytes and stays open.
class Unfinished : public Copy {
protected:
	void SetUp() override
	{
		Copy::SetUp();
		ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
		writer = open("fifo", O_RDWR);
		ASSERT_EQ(::write(writer.get(), text.data(), 1000), 1000);
	}

	// Waits until the command has everything there is.
	[[nodiscard]] bool taken() const
	{
		return eventually([&] {
			int unread;
			return ::ioctl(writer.get(), FIONREAD, &unread) == 0 && unread == 0;
		});
	}

	Fd writer;
};

class Interrupted : public Unfinished, public testing::WithParamInterface<int> {};

bool sleeps(pid_t pid)
{
	std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
	std::string line;

	std::getline(file, line);
	return line.substr(line.rfind(')') + 1).starts_with(" S");
}

// Without its capabilities root is refused like any other user.
void drop_capabilities()
{
	::prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE);
	::prctl(PR_CAPBSET_DROP, CAP_DAC_READ_SEARCH);
}

} // namespace

TEST_F(Copy, CopiesAFileToANewOneWithItsMode)
{
	ASSERT_EQ(::chmod(make("source", text).c_str(), 0750), 0);
	const Outcome end = run({"copy", path("source"), path("target")});

	EXPECT_EQ(end.code(), 0) << end.err;
	EXPECT_EQ(content("target"), text);
	EXPECT_EQ(status("target").st_mode & 0777, 0750U);
	EXPECT_TRUE(end.complains_of("300000 bytes")) << end.err;
	EXPECT_EQ(end.out, "");
	EXPECT_EQ(names(), (std::set<std::string>{"source", "target"}));
}

TEST_F(Copy, QuietSaysNothing)
{
	const Outcome end = run({"copy", "--quiet", make("source", text), path("target")});

	EXPECT_EQ(end.code(), 0);
	EXPECT_EQ(end.err, "");
}

TEST_F(Copy, CopiesFromAndToAFifo)
{
	make("source", text);
	ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
	Process filling({"copy", path("source"), path("fifo")});
	const Outcome end = run({"copy", path("fifo"), path("target")});

	EXPECT_EQ(end.code(), 0) << end.err;
	EXPECT_EQ(filling.wait().code(), 0);
	EXPECT_EQ(content("target"), text);
	EXPECT_TRUE(fs::is_fifo(path("fifo")));
}

TEST_F(Copy, CopiesStandardInputToStandardOutput)
{
	make("source", text);
	const Fd in = open("source", O_RDONLY);
	const Fd out = open("target", O_WRONLY | O_CREAT);
	const Outcome end = run({"copy", "-", "-"}, {.in = in.get(), .out = out.get()});

	EXPECT_EQ(end.code(), 0) << end.err;
	EXPECT_EQ(content("target"), text);
}

TEST_F(Copy, WritesADeviceAsItIs)
{
	EXPECT_EQ(run({"copy", make("source", text), "/dev/null"}).code(), 0);
	EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST_F(Copy, OfAnEmptySourceIsAnEmptyTarget)
{
	make("source", "");
	make("old", "old text");

	EXPECT_EQ(run({"copy", path("source"), path("old")}).code(), 0);
	EXPECT_EQ(content("old"), "");
	EXPECT_EQ(run({"copy", path("source"), path("new")}).code(), 0);
	EXPECT_EQ(content("new"), "");
	make("old", "old text");
	EXPECT_EQ(run({"copy", "--in-place", path("source"), path("old")}).code(), 0);
	EXPECT_EQ(content("old"), "");
}

TEST_F(Copy, LeavesTheTargetAloneWhenTheSourceGivesNothing)
{
	make("target", "precious");
	for (const std::string option : {"--policy=move", "--in-place"}) {
		for (const std::string source : {"/dev/null", "/proc/self/status"}) {
			const Outcome end = run({"copy", option, source, path("target")});

			EXPECT_EQ(end.code(), 1);
			EXPECT_TRUE(end.complains_of("cannot read '" + source + "'")) << end.err;
			EXPECT_TRUE(end.complains_of("it may not support splice")) << end.err;
			EXPECT_EQ(content("target"), "precious");
			EXPECT_EQ(run({"copy", option, source, path("new")}).code(), 1);
			EXPECT_EQ(names(), std::set<std::string>{"target"});
		}
	}
}

TEST_F(Copy, TakesNoFileOfItsOwnForClosedStandardInput)
{
	make("target", "precious");
	const Outcome end =
		run({"copy", "-", path("target")}, {.before_exec = [] { ::close(STDIN_FILENO); }});

	EXPECT_EQ(end.code(), 1);
	EXPECT_TRUE(end.complains_of("'standard input': Bad file descriptor")) << end.err;
	EXPECT_EQ(content("target"), "precious");
}

TEST_F(Copy, WritesNoFileOfItsOwnForClosedStandardError)
{
	const Outcome end = run({"copy", make("source", text), path("target")}, {.before_exec = [] {
					::close(STDOUT_FILENO);
					::close(STDERR_FILENO);
				}});

	EXPECT_EQ(end.code(), 0);
	EXPECT_EQ(content("target"), text);
}

TEST_P(Interrupted, TellsHowFarItCameAndLeavesTheTarget)
{
	make("target", "precious");
	Process copy({"copy", path("fifo"), path("target")});
	ASSERT_TRUE(taken());
	// The bytes that have left the FIFO are on their way to the file.
	EXPECT_TRUE(eventually([&] {
		for (const std::string &name : names())
			if (fs::is_regular_file(path(name)) && fs::file_size(path(name)) == 1000)
				return true;
		return false;
	}));
	// It has counted them once it waits for more.
	EXPECT_TRUE(eventually([&] { return sleeps(copy.pid()); }));
	copy.signal(GetParam());
	const Outcome end = copy.wait();

	EXPECT_EQ(end.code(), 128 + GetParam());
	EXPECT_TRUE(end.complains_of("after 1000 bytes")) << end.err;
	EXPECT_EQ(content("target"), "precious");
	EXPECT_EQ(names(), (std::set<std::string>{"fifo", "target"}));
}

INSTANTIATE_TEST_SUITE_P(By, Interrupted, testing::Values(SIGINT, SIGTERM, SIGHUP, SIGQUIT));

using NotInterrupted = Interrupted;

TEST_P(NotInterrupted, BySignalsThatAreIgnored)
{
	Process copy({"copy", path("fifo"), path("target")},
		     {.before_exec = [] { ::signal(GetParam(), SIG_IGN); }});
	ASSERT_TRUE(taken());
	copy.signal(GetParam());
	writer = Fd();
	EXPECT_EQ(copy.wait().code(), 0);
	EXPECT_EQ(content("target"), text.substr(0, 1000));
}

INSTANTIATE_TEST_SUITE_P(By, NotInterrupted, testing::Values(SIGHUP, SIGINT));

TEST_F(Copy, ThatFailsLeavesTheTarget)
{
	make("source", text);
	make("target", "precious");
	const Outcome end = run({"copy", path("source"), path("target")}, {.before_exec = [] {
					const rlimit limit{100000, 100000};
					::setrlimit(RLIMIT_FSIZE, &limit);
				}});

	EXPECT_EQ(end.code(), 1);
	EXPECT_TRUE(end.complains_of("cannot write '" + path("target") + "': File too large"))
		<< end.err;
	EXPECT_TRUE(end.complains_of("stopped after 100000 bytes")) << end.err;
	EXPECT_EQ(content("target"), "precious");
	EXPECT_EQ(names(), (std::set<std::string>{"source", "target"}));
}

TEST_F(Copy, KeepsModeAndOwnerOfTheTarget)
{
	ASSERT_EQ(::chmod(make("source", text).c_str(), 0700), 0);
	ASSERT_EQ(::chmod(make("target", "old").c_str(), 0641), 0);
	const bool root = ::geteuid() == 0 && ::chown(path("target").c_str(), 65534, 65534) == 0;

	EXPECT_EQ(run({"copy", path("source"), path("target")}).code(), 0);
	EXPECT_EQ(content("target"), text);
	EXPECT_EQ(status("target").st_mode & 07777, 0641U);
	EXPECT_EQ(status("target").st_uid, root ? 65534 : ::geteuid());
	EXPECT_EQ(status("target").st_gid, root ? 65534 : ::getegid());
}

TEST_F(Copy, KeepsTheAccessControlListOfTheTarget)
{
	constexpr const char *name = "system.posix_acl_access";
	const struct {
		posix_acl_xattr_header header;
		std::array<posix_acl_xattr_entry, 5> entries;
	} acl{{2}, // the version
	      {{{0x01, 6, ~0U}, {0x02, 4, 65534}, {0x04, 4, ~0U}, {0x10, 4, ~0U}, {0x20, 0, ~0U}}}};
	std::array<char, sizeof(acl)> kept{};

	make("source", text);
	make("target", "old");
	ASSERT_EQ(::setxattr(path("target").c_str(), name, &acl, sizeof(acl), 0), 0);
	EXPECT_EQ(run({"copy", path("source"), path("target")}).code(), 0);
	EXPECT_EQ(content("target"), text);
	EXPECT_EQ(::getxattr(path("target").c_str(), name, kept.data(), kept.size()),
		  ssize_t(sizeof(acl)));
	EXPECT_EQ(std::memcmp(kept.data(), &acl, sizeof(acl)), 0);
}

// Otherwise a file that nobody else could read might become one that somebody can.
TEST_F(Copy, DoesNotGiveTheTargetTheDefaultListOfItsDirectory)
{
	const struct {
		posix_acl_xattr_header header;
		std::array<posix_acl_xattr_entry, 5> entries;
	} acl{{2}, // the version
	      {{{0x01, 6, ~0U}, {0x02, 6, 65534}, {0x04, 4, ~0U}, {0x10, 6, ~0U}, {0x20, 0, ~0U}}}};

	make("source", text);
	ASSERT_EQ(::chmod(make("target", "old").c_str(), 0660), 0);
	ASSERT_EQ(::setxattr(path("").c_str(), "system.posix_acl_default", &acl, sizeof(acl), 0),
		  0);
	EXPECT_EQ(run({"copy", path("source"), path("target")}).code(), 0);
	EXPECT_EQ(content("target"), text);
	EXPECT_EQ(::getxattr(path("target").c_str(), "system.posix_acl_access", nullptr, 0), -1);
	EXPECT_EQ(errno, ENODATA);
	EXPECT_EQ(status("target").st_mode & 07777, 0660U);
}

TEST_F(Copy, SaysWhyAPathCannotBeExamined)
{
	make("source", text);
	fs::create_directory(path("locked"));
	fs::permissions(path("locked"), fs::perms(0));
	const Process::Setup weak{.before_exec = drop_capabilities};

	for (const auto &[from, to] :
	     {std::pair("source", "locked/x"), std::pair("locked/x", "target")}) {
		const Outcome end = run({"copy", path(from), path(to)}, weak);

		EXPECT_EQ(end.code(), 1);
		EXPECT_TRUE(end.complains_of("Permission denied")) << end.err;
	}
	fs::permissions(path("locked"), fs::perms(0700));
}

// A file that appears meanwhile is somebody else's.
TEST_F(Unfinished, DoesNotReplaceAFileThatWasNotThereAtFirst)
{
	Process copying({"copy", path("fifo"), path("target")});

	EXPECT_TRUE(taken());
	make("target", "another");
	writer = {};
	const Outcome end = copying.wait();

	EXPECT_EQ(end.code(), 1);
	EXPECT_TRUE(end.complains_of("File exists")) << end.err;
	EXPECT_EQ(content("target"), "another");
}

TEST_F(Copy, ToAPipeWithoutAReaderSaysSo)
{
	make("source", text);
	int fds[2];
	ASSERT_EQ(::pipe2(fds, O_CLOEXEC), 0);
	const Fd writer(fds[1]);
	::close(fds[0]);
	const Outcome end = run({"copy", path("source"), "-"}, {.out = writer.get()});

	EXPECT_EQ(end.code(), 1);
	EXPECT_TRUE(end.complains_of("cannot write 'standard output': Broken pipe")) << end.err;
}

TEST_F(Copy, ReplacesTheFileThatALinkLeadsTo)
{
	make("source", text);
	fs::create_directory(path("there"));
	make("there/file", "old");
	fs::create_symlink("there/file", path("link"));

	EXPECT_EQ(run({"copy", path("source"), path("link")}).code(), 0);
	EXPECT_EQ(content("there/file"), text);
	EXPECT_EQ(fs::read_symlink(path("link")), "there/file");
}

TEST_F(Copy, DoesNotWriteThroughADanglingLink)
{
	make("source", text);
	fs::create_symlink("nowhere", path("link"));
	const Outcome end = run({"copy", path("source"), path("link")});

	EXPECT_EQ(end.code(), 1);
	EXPECT_TRUE(end.complains_of("leads nowhere")) << end.err;
	EXPECT_EQ(names(), (std::set<std::string>{"source", "link"}));
}

TEST_F(Copy, InPlaceKeepsTheFileAndAllItsNames)
{
	make("source", text);
	make("target", text + text);
	fs::create_hard_link(path("target"), path("other"));
	const ino_t before = status("target").st_ino;

	EXPECT_EQ(run({"copy", "--in-place", path("source"), path("target")}).code(), 0);
	EXPECT_EQ(status("target").st_ino, before);
	EXPECT_EQ(content("other"), text);
}

TEST_F(Copy, WithoutInPlaceLeavesOtherNamesWithTheOldFile)
{
	make("source", text);
	make("target", "old");
	fs::create_hard_link(path("target"), path("other"));

	EXPECT_EQ(run({"copy", path("source"), path("target")}).code(), 0);
	EXPECT_EQ(content("target"), text);
	EXPECT_EQ(content("other"), "old");
}

TEST_F(Copy, NamesInPlaceWhereNoFileCanBeMade)
{
	make("source", text);
	fs::create_directory(path("locked"));
	make("locked/target", "old");
	fs::permissions(path("locked"), fs::perms(0500));
	const Process::Setup weak{.before_exec = drop_capabilities};
	const Outcome end = run({"copy", path("source"), path("locked/target")}, weak);

	EXPECT_EQ(end.code(), 1);
	EXPECT_TRUE(end.complains_of("Permission denied")) << end.err;
	EXPECT_TRUE(end.complains_of("--in-place")) << end.err;
	EXPECT_EQ(content("locked/target"), "old");
	EXPECT_EQ(run({"copy", "--in-place", path("source"), path("locked/target")}, weak).code(),
		  0);
	EXPECT_EQ(content("locked/target"), text);
	fs::permissions(path("locked"), fs::perms(0700));
}

TEST_F(Copy, WritesAFileWithoutANameAsItIs)
{
	const Fd out(::open(path("").c_str(), O_RDWR | O_TMPFILE | O_CLOEXEC, 0600));
	ASSERT_TRUE(out);
	const Outcome end =
		run({"copy", make("source", text), "/proc/self/fd/1"}, {.out = out.get()});

	EXPECT_EQ(end.code(), 0) << end.err;
	EXPECT_EQ(::lseek(out.get(), 0, SEEK_END), off_t(size));
	EXPECT_EQ(names(), std::set<std::string>{"source"});
}

TEST_F(Copy, RefusesTheSameFile)
{
	make("source", text);
	fs::create_hard_link(path("source"), path("link"));
	const Outcome end = run({"copy", path("source"), path("link")});

	EXPECT_EQ(end.code(), 1);
	EXPECT_TRUE(end.complains_of("are the same file")) << end.err;
	const Fd out = open("source", O_WRONLY);
	EXPECT_EQ(run({"copy", path("source"), "-"}, {.out = out.get()}).code(), 1);
	EXPECT_EQ(content("source"), text);
}

TEST_F(Copy, RefusesToAppendBeforeItReads)
{
	make("source", text);
	const Fd in = open("source", O_RDONLY);
	ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
	const Fd reader = open("fifo", O_RDWR);
	for (const std::string target : {"log", "fifo"}) {
		const Fd out = open(target, O_WRONLY | O_APPEND | O_CREAT);
		const Outcome end = run({"copy", "-", "-"}, {.in = in.get(), .out = out.get()});

		EXPECT_EQ(end.code(), 1);
		EXPECT_TRUE(end.complains_of("'standard output': it is open for appending"))
			<< end.err;
		EXPECT_EQ(::lseek(in.get(), 0, SEEK_CUR), 0);
	}
}

TEST_F(Copy, TakesANameThatExistsForAFile)
{
	make("log:1", text);
	const Process::Setup there{.before_exec = [this] { ::chdir(directory.c_str()); }};

	EXPECT_EQ(run({"copy", "log:1", "target"}, there).code(), 0);
	EXPECT_EQ(content("target"), text);
	make("log:1", "old");
	EXPECT_EQ(run({"copy", "target", "log:1"}, there).code(), 0);
	EXPECT_EQ(content("log:1"), text);
}

TEST_F(Copy, TellsOfBadArguments)
{
	make("source", text);
	EXPECT_EQ(run({"copy", path("source")}).code(), 2);
	EXPECT_EQ(run({"copy", "--capacity=1X", path("source"), path("target")}).code(), 2);
	EXPECT_EQ(run({"copy", "--policy=all", path("source"), path("target")}).code(), 2);
	EXPECT_EQ(run({"copy", "--bind=127.0.0.1", path("source"), path("target")}).code(), 2);
	EXPECT_EQ(run({"copy", "--wait=soon", path("source"), path("target")}).code(), 2);
	EXPECT_EQ(names(), std::set<std::string>{"source"});

	const Outcome zero = run({"copy", path("source"), ":0"});
	EXPECT_EQ(zero.code(), 1);
	EXPECT_TRUE(zero.complains_of("':0': there is no port 0")) << zero.err;
}

TEST(Help, IsGivenForTheShortOptionToo)
{
	for (const std::string command : {"copy", "stat", "demo"}) {
		EXPECT_EQ(run({command, "-h"}).code(), 0);
		EXPECT_EQ(run({command, "-h"}).out, run({"help", command}).out);
	}
	EXPECT_EQ(run({"-h"}).code(), 0);
}
