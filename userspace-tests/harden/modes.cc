// SPDX-License-Identifier: GPL-2.0
/* The counters and messages of privpipe_harden.ko in either mode. */
#include "harden/control.hh"
#include "pipe/fuse.hh"
#include "pipe/kinds.hh"
#include "pipe/pipe.hh"
#include "support/cgroup.hh"
#include "support/child.hh"
#include "support/files.hh"

#include <gtest/gtest.h>

#include <sys/prctl.h>

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

} // namespace

TEST(Audit, CountsEachCallNamesEachProgramOnceAndChangesNothing)
{
	ASSERT_EQ(harden("mode=audit"), moved(0));
	prctl(PR_SET_NAME, "audited");
	for (const Path &path : paths) {
		SCOPED_TRACE(path.name);
		const std::string line =
			std::string(" would get a copy: ") + path.name + " -> pipe";
		KernelLog log;

		EXPECT_TRUE(path.shares());
		EXPECT_TRUE(log.says(line)) << log.text();
		EXPECT_TRUE(log.says("privpipe_harden: audit: audited[")) << log.text();

		KernelLog afterwards;
		const std::uint64_t calls = counter(std::string(path.name) + "_calls");

		EXPECT_GE(calls, 1u);
		EXPECT_TRUE(path.shares());
		EXPECT_GT(counter(std::string(path.name) + "_calls"), calls);
		EXPECT_FALSE(afterwards.says(line)) << afterwards.text();
		EXPECT_EQ(counter(std::string(path.name) + "_bytes"), 0u);
	}
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
