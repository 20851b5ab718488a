// SPDX-License-Identifier: GPL-2.0
/* What privpipe_harden.ko does and counts in either mode, and for whom. */
#include "harden/control.hh"
#include "pipe/fuse.hh"
#include "pipe/kinds.hh"
#include "pipe/pipe.hh"
#include "support/async.hh"
#include "support/cgroup.hh"
#include "support/child.hh"
#include "support/files.hh"

#include <gtest/gtest.h>

#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cstring>
#include <fstream>
#include <map>

namespace {

constexpr size_t size = 10000;

/* A way into a pipe, and whether the pipe has the source's own pages afterwards. */
struct Path {
	const char *name;
	bool (*shares)();
	size_t bytes; /* on this path; sendfile adds more on another */
};

template <Kind kind>
bool file_is_shared()
{
	Fd file = open_seekable(kind, pattern(size));
	Pipe pipe = make_stock_pipe();

	EXPECT_EQ(do_splice(file.get(), pipe.out(), size), moved(size));
	write_at(file.get(), 0, std::string(size, 'N'));
	return drain(pipe.in()) != pattern(size);
}

bool memory_is_shared()
{
	Mapping memory(size);
	Pipe pipe = make_stock_pipe();

	memory.fill(pattern(size));
	EXPECT_EQ(do_vmsplice(pipe.out(), memory.view().substr(0, size)), moved(size));
	memory.fill(std::string(size, 'N'));
	return drain(pipe.in()) != pattern(size);
}

/* Pages that a socket brings are those of a file at the other end of the connection. */
bool received_page_is_shared()
{
	File file(on_ext4, pattern(size));
	Connection tcp = connect_kind(Kind::tcp, false);
	Pipe pipe = make_stock_pipe();

	EXPECT_EQ(do_sendfile(tcp.far.get(), file.fd(), size), moved(size));
	for (size_t done = 0; done < size;) {
		Result result = do_splice(tcp.near.get(), pipe.out(), size - done);

		EXPECT_GT(result.value, 0);
		if (result.value <= 0)
			break;
		done += result.bytes();
	}
	file.write_at(0, std::string(size, 'N'));
	return drain(pipe.in()) != pattern(size);
}

/* A write reaches the daemon with the page of the cache that it went to. */
bool request_is_shared()
{
	FuseFile mounted;
	const std::string bytes = pattern(page_size);

	{
		Fd file(open(mounted.path().c_str(), O_WRONLY), "open a FUSE file");

		write_at(file.get(), 0, bytes);
		write_at(file.get(), 0, std::string(page_size, 'N'));
	}

	std::vector<Pipe> writes = mounted.take_writes();

	EXPECT_EQ(writes.size(), 2u);
	return drain(writes.at(0).in()) != bytes;
}

const Path paths[] = {
	{"file", file_is_shared<Kind::ext4>, size}, {"shmem", file_is_shared<Kind::tmpfs>, size},
	{"memory", memory_is_shared, size},         {"socket", received_page_is_shared, size},
	{"fuse", request_is_shared, 2 * page_size},
};

constexpr auto programs = "/sys/kernel/debug/privpipe_harden/programs";

/* By "PATH PROGRAM". */
std::map<std::string, std::uint64_t> program_calls()
{
	std::map<std::string, std::uint64_t> found;
	std::ifstream file(programs);
	std::uint64_t calls;

	for (std::string line; file >> calls && std::getline(file.ignore(), line);)
		found[line] = calls;
	return found;
}

std::uint64_t calls_of(const std::string &program, const std::string &path)
{
	return program_calls()[path + " " + program];
}

constexpr auto exceptions = "/sys/module/privpipe_harden/exceptions";

Result except(const std::string &change)
{
	Fd file(open(exceptions, O_WRONLY | O_CLOEXEC), "open the exceptions");

	return result_of(write(file.get(), change.data(), change.size()));
}

std::string excepted()
{
	std::ifstream file(exceptions);

	return {std::istreambuf_iterator<char>(file), {}};
}

const std::string cgroup = "/privpipe-test"; /* the path of a Cgroup */

} // namespace

TEST(Audit, CountsCallsByProgramAndChangesNothing)
{
	ASSERT_EQ(harden("mode=audit"), moved(0));
	prctl(PR_SET_NAME, "audited");
	for (const Path &path : paths) {
		SCOPED_TRACE(path.name);
		const std::string calls = std::string(path.name) + "_calls";

		EXPECT_TRUE(path.shares());
		const std::uint64_t once = counter(calls);
		EXPECT_GE(once, 1u);
		EXPECT_EQ(calls_of("audited", path.name), once);
		EXPECT_TRUE(path.shares());
		EXPECT_GT(counter(calls), once);
		EXPECT_EQ(calls_of("audited", path.name), counter(calls));
		EXPECT_EQ(counter(std::string(path.name) + "_bytes"), 0u);
	}
	EXPECT_EQ(in_child([] {
			  become_unprivileged();
			  require(access(programs, R_OK) != 0 && errno == EACCES, "readable");
		  }),
		  "");
	EXPECT_EQ(soften(), moved(0));
	EXPECT_NE(access(programs, F_OK), 0);
}

TEST(Audit, CountsProgramsThatItsTableHasNoRoomForTogether)
{
	constexpr size_t rows = 1024;
	std::uint64_t sum = 0;
	size_t lines = 0;

	ASSERT_EQ(harden("mode=audit"), moved(0));
	prctl(PR_SET_NAME, "a\nb\xff");
	EXPECT_TRUE(memory_is_shared());
	EXPECT_EQ(calls_of("a\\x0ab\\xff", "memory"), 1u);
	for (size_t i = 0; i < 2 * rows; i++) {
		prctl(PR_SET_NAME, std::to_string(i).c_str());
		EXPECT_TRUE(memory_is_shared());
	}
	prctl(PR_SET_NAME, "audited");
	for (const auto &[program, calls] : program_calls()) {
		sum += calls;
		lines++;
	}
	EXPECT_GT(lines, rows / 2);
	EXPECT_LE(lines, rows + 1);
	EXPECT_GT(calls_of("(others)", "memory"), 0u);
	EXPECT_EQ(sum, counter("memory_calls"));
	EXPECT_EQ(soften(), moved(0));
}

TEST(Audit, TracesEachCall)
{
	const std::string tracing = "/sys/kernel/tracing/";
	std::map<std::string, std::uint64_t> lines;
	bool named = false;

	ASSERT_EQ(harden("mode=audit"), moved(0));
	prctl(PR_SET_NAME, "traced");
	std::ofstream(tracing + "trace") << std::flush; // empties it
	{
		Setting on(tracing + "events/privpipe_harden/would_copy/enable", "1");

		for (const Path &path : paths)
			EXPECT_TRUE(path.shares());
	}
	std::ifstream trace(tracing + "trace");
	for (std::string line; std::getline(trace, line);) {
		size_t at = line.find("would_copy: comm=");

		if (at == std::string::npos)
			continue;
		named |= line.find("would_copy: comm=traced pid=" + std::to_string(getpid())) == at;
		lines[line.substr(line.rfind('=') + 1)]++;
	}
	EXPECT_TRUE(named);
	for (const Path &path : paths)
		EXPECT_EQ(lines[path.name], counter(std::string(path.name) + "_calls"))
			<< path.name;
	EXPECT_EQ(soften(), moved(0));
}

TEST(Enforce, CopiesAndCountsOnEveryPath)
{
	ASSERT_EQ(harden(), moved(0));
	for (const Path &path : paths) {
		SCOPED_TRACE(path.name);
		const std::uint64_t before = counter(std::string(path.name) + "_bytes");

		EXPECT_FALSE(path.shares());
		EXPECT_GE(counter(std::string(path.name) + "_calls"), 1u);
		EXPECT_EQ(counter(std::string(path.name) + "_bytes") - before, path.bytes);
	}
	EXPECT_EQ(soften(), moved(0));
}

/* Folios that are kept do not stay charged to a cgroup for long. */
TEST(Enforce, GivesMemoryBackThatItDoesNotUse)
{
	constexpr size_t most = 1 << 20;
	Cgroup group;

	ASSERT_EQ(harden(), moved(0));
	EXPECT_EQ(in_child([&] {
			  Fd file = open_seekable(Kind::tmpfs, std::string(most, 'x'));
			  Fd null(open("/dev/null", O_WRONLY), "open /dev/null");
			  Pipe pipe = make_stock_pipe();

			  checked(fcntl(pipe.out(), F_SETPIPE_SZ, most), "make a pipe larger");
			  group.enter();
			  require(do_splice(file.get(), pipe.out(), most) == moved(most), "splice");

			  const size_t full = group.current();

			  require(full > most * 9 / 10, "the copies are not charged");
			  require(do_splice(pipe.in(), null.get(), most) == moved(most), "empty");
			  sleep(4);

			  const size_t left = group.current();

			  /* A CPU charges up to 256 KiB in advance. */
			  require(left + most / 2 < full, std::to_string(left) + " of " +
								  std::to_string(full) +
								  " bytes are still charged");
		  }),
		  "");
	EXPECT_EQ(soften(), moved(0));
}

TEST(Exceptions, LetACgroupAndThoseBelowShareAndNobodyElse)
{
	const std::string below = "/sys/fs/cgroup" + cgroup + "/below";
	Cgroup group;

	ASSERT_EQ(harden(), moved(0));
	EXPECT_EQ(except("+" + cgroup), moved(cgroup.size() + 1));
	EXPECT_EQ(excepted(), cgroup + "\n");
	for (const Path &path : paths) {
		SCOPED_TRACE(path.name);
		EXPECT_FALSE(path.shares());
		EXPECT_EQ(in_child([&] {
				  group.enter();
				  require(path.shares(), "it copies");
			  }),
			  "");
	}
	checked(mkdir(below.c_str(), 0755), "mkdir");
	EXPECT_EQ(in_child([&] {
			  std::ofstream(below + "/cgroup.procs") << 0 << std::flush;
			  require(paths[0].shares(), "it copies");
		  }),
		  "");
	checked(rmdir(below.c_str()), "rmdir");
	EXPECT_EQ(except("-" + cgroup), moved(cgroup.size() + 1));
	EXPECT_EQ(excepted(), "");
	EXPECT_EQ(in_child([&] {
			  group.enter();
			  require(!paths[0].shares(), "it shares");
		  }),
		  "");
	EXPECT_EQ(soften(), moved(0));
}

TEST(Exceptions, AreNotCountedInAuditModeAndStayWhenTheModeChanges)
{
	Cgroup group;

	ASSERT_EQ(harden("mode=audit"), moved(0));
	EXPECT_EQ(except("+" + cgroup), moved(cgroup.size() + 1));
	EXPECT_EQ(in_child([&] {
			  group.enter();
			  require(paths[0].shares(), "it copies");
		  }),
		  "");
	EXPECT_EQ(counter("file_calls"), 0u);
	EXPECT_EQ(run("privpipe harden enforce").status, 0);
	EXPECT_EQ(excepted(), cgroup + "\n");
	EXPECT_FALSE(paths[0].shares());
	EXPECT_EQ(in_child([&] {
			  group.enter();
			  require(paths[0].shares(), "it copies");
		  }),
		  "");
	EXPECT_EQ(soften(), moved(0));
}

TEST(Exceptions, AreForRootAndForCgroupsThatExist)
{
	ASSERT_EQ(harden(), moved(0));
	EXPECT_EQ(except("+/none"), failed(ENOENT));
	EXPECT_EQ(except("-/none"), failed(ENOENT));
	EXPECT_EQ(except("+/"), failed(EINVAL)) << "everybody";
	EXPECT_EQ(except("+none"), failed(EINVAL));
	EXPECT_EQ(except("/none"), failed(EINVAL));
	EXPECT_EQ(except("+/" + std::string(300, 'x')), failed(ENOENT));
	EXPECT_EQ(in_child([] {
			  become_unprivileged();
			  require(access(exceptions, R_OK) && access(exceptions, W_OK),
				  "not only root may");
		  }),
		  "");
	EXPECT_EQ(soften(), moved(0));
}

/* A cgroup is one exception, whatever root calls it. */
TEST(Exceptions, HaveThePathFromTheRoot)
{
	const std::string below = "/sys/fs/cgroup" + cgroup + "/" + std::string(250, 'x');
	Cgroup group;

	ASSERT_EQ(harden(), moved(0));
	EXPECT_EQ(except("+/" + cgroup + "/"), moved(cgroup.size() + 3));
	EXPECT_EQ(except("+" + cgroup), moved(cgroup.size() + 1));
	EXPECT_EQ(excepted(), cgroup + "\n");
	EXPECT_EQ(except("-" + cgroup + "/"), moved(cgroup.size() + 2));
	EXPECT_EQ(excepted(), "");
	EXPECT_EQ(in_child([&] {
			  group.enter();
			  checked(unshare(CLONE_NEWCGROUP), "unshare");
			  require(except("+/") == moved(2), "not added");
		  }),
		  "");
	EXPECT_EQ(excepted(), cgroup + "\n");

	checked(mkdir(below.c_str(), 0755), "mkdir");
	EXPECT_EQ(except("+" + below.substr(strlen("/sys/fs/cgroup"))), failed(ENAMETOOLONG));
	checked(rmdir(below.c_str()), "rmdir");
	EXPECT_EQ(soften(), moved(0));
}

/* What the stock functions are is known only then; before, they would have returned 0. */
TEST(Exceptions, CanBeAddedWhileTheModuleLoads)
{
	Cgroup group;

	for (int i = 0; i < 2; i++) {
		Async adding([] {
			while (access(exceptions, F_OK) != 0)
				sched_yield();
			return except("+" + cgroup);
		});

		EXPECT_EQ(harden(), moved(0));
		EXPECT_EQ(adding.get(), moved(cgroup.size() + 1));
		for (const Path &path : paths)
			EXPECT_EQ(in_child([&] {
					  group.enter();
					  require(path.shares(),
						  std::string(path.name) + " copies");
				  }),
				  "");
		EXPECT_EQ(soften(), moved(0));
	}
}

TEST(Exceptions, EndWithTheirCgroup)
{
	ASSERT_EQ(harden(), moved(0));
	for (int i = 0; i < 20; i++) {
		Cgroup group;

		EXPECT_EQ(in_child([&] {
				  group.enter();
				  require(!paths[0].shares(), "it shares by another's exception");
			  }),
			  "");
		EXPECT_EQ(except("+" + cgroup), moved(cgroup.size() + 1));
		EXPECT_EQ(except("+" + cgroup), moved(cgroup.size() + 1));
		EXPECT_EQ(excepted(), cgroup + "\n");
	}
	EXPECT_EQ(excepted(), "");
	EXPECT_EQ(soften(), moved(0));
}

/* The stock function runs, called by the module, which must stay. */
TEST(Exceptions, HoldTheModuleWhileTheySleep)
{
	Cgroup group;
	Pipe pipe = make_stock_pipe();
	Pipe ready = make_stock_pipe();
	const std::string before = fill(pipe);

	ASSERT_EQ(harden(), moved(0));
	EXPECT_EQ(except("+" + cgroup), moved(cgroup.size() + 1));
	const pid_t pid = checked(fork(), "fork");
	if (!pid) {
		group.enter();
		put(ready.out(), "!");
		_exit(do_vmsplice(pipe.out(), "x") != moved(1));
	}
	EXPECT_EQ(get(ready.in(), 1), "!");
	sleep(1);
	disable();
	sleep(2);
	EXPECT_TRUE(in_transition());
	EXPECT_TRUE(same(drain(pipe.in()), before));
	int status = -1;
	waitpid(pid, &status, 0);
	EXPECT_EQ(status, 0);
	EXPECT_EQ(get(pipe.in(), 1), "x");
	EXPECT_EQ(soften(), moved(0));
}
