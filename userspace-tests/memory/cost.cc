// SPDX-License-Identifier: GPL-2.0
/* The memory that a pipe costs, and the cgroup that pays for it. */
#include "pipe/kinds.hh"
#include "pipe/private.hh"
#include "support/cgroup.hh"
#include "support/child.hh"
#include "support/files.hh"

#include <gtest/gtest.h>

#include <sys/resource.h>

#include <fstream>
#include <vector>

namespace {

constexpr size_t folio = 64 * 1024;

/* A line of /proc/meminfo, in bytes. */
size_t meminfo(const std::string &name)
{
	std::ifstream file("/proc/meminfo");
	std::string word;

	while (file >> word)
		if (word == name + ":") {
			size_t kibibytes = 0;

			file >> kibibytes;
			return kibibytes * 1024;
		}
	throw_errno("no " + name + " in /proc/meminfo", ENOENT);
}

size_t held(const Pipe &pipe)
{
	privpipe_query args = {.size = sizeof(args)};

	EXPECT_EQ(private_backend().command(pipe.in(), PRIVPIPE_QUERY, &args), moved(0));
	return args.held;
}

void allow_descriptors(rlim_t count)
{
	rlimit limit = {count, count};

	checked(setrlimit(RLIMIT_NOFILE, &limit), "RLIMIT_NOFILE");
}

} // namespace

TEST(IdlePipe, CostsLessThan2KiB)
{
	constexpr size_t pipes = 10000;

	EXPECT_EQ(in_child([] {
			  std::vector<Pipe> all;

			  allow_descriptors(2 * pipes + 100);
			  all.reserve(pipes);
			  /* The table of descriptors grows, which is nothing of the pipes'. */
			  close(checked(fcntl(0, F_DUPFD, int(2 * pipes + 50)), "F_DUPFD"));

			  const size_t before = meminfo("Slab");

			  for (size_t i = 0; i < pipes; i++)
				  all.push_back(make_pipe());

			  const size_t each = (meminfo("Slab") - before) / pipes;

			  require(each > 100, "nothing measured: " + std::to_string(each));
			  require(each < 2048, std::to_string(each) + " bytes each");
		  }),
		  "");
}

TEST(IdlePipe, HoldsNoPages)
{
	Pipe pipe = make_pipe();

	EXPECT_EQ(held(pipe), 0u);
}

/* Ways to fill a pipe of 64 KiB. */
struct Filling {
	const char *name;
	void (*fill)(const Pipe &pipe);
	size_t bytes = default_capacity;

	friend void PrintTo(const Filling &filling, std::ostream *out) { *out << filling.name; }
};

static void by_large_write(const Pipe &pipe)
{
	put(pipe.out(), pattern(default_capacity));
}

static void by_page_writes(const Pipe &pipe)
{
	fill(pipe);
}

static void by_file(const Pipe &pipe)
{
	File file(on_ext4, pattern(default_capacity));

	EXPECT_EQ(do_splice(file.fd(), pipe.out(), default_capacity), moved(default_capacity));
}

static void by_socket(const Pipe &pipe)
{
	Connection tcp = connect_kind(Kind::tcp, false);

	for (size_t done = 0; done < default_capacity;) {
		put(tcp.far.get(), pattern(page_size));
		done += do_splice(tcp.near.get(), pipe.out(), page_size).bytes();
	}
}

static void by_vmsplice(const Pipe &pipe)
{
	Mapping memory(default_capacity);

	EXPECT_EQ(do_vmsplice(pipe.out(), memory.view()), moved(default_capacity));
}

static void by_tee(const Pipe &pipe)
{
	Pipe other = make_pipe();

	fill(other);
	EXPECT_EQ(do_tee(other.in(), pipe.out(), default_capacity), moved(default_capacity));
}

static void by_packets(const Pipe &pipe)
{
	set_status_flag(pipe.out(), O_DIRECT);
	for (size_t i = 0; i < default_capacity / page_size; i++)
		put(pipe.out(), "x");
}

class FullPipe : public testing::TestWithParam<Filling> {};

TEST_P(FullPipe, HoldsNoMoreThanItsCapacityAndOneRecycledFolio)
{
	Pipe pipe = make_pipe();

	/* And it stays so over time, full or empty. */
	for (int round = 0; round < 5; round++) {
		GetParam().fill(pipe);
		EXPECT_EQ(unread(pipe.in()), GetParam().bytes);
		EXPECT_LE(held(pipe), default_capacity + folio);
		drain(pipe.in());
		EXPECT_LE(held(pipe), default_capacity + folio);
	}
}

INSTANTIATE_TEST_SUITE_P(Fillings, FullPipe,
			 testing::Values(Filling{"large_write", by_large_write},
					 Filling{"page_writes", by_page_writes},
					 Filling{"file", by_file}, Filling{"socket", by_socket},
					 Filling{"vmsplice", by_vmsplice}, Filling{"tee", by_tee},
					 Filling{"packets", by_packets,
						 default_capacity / page_size}),
			 testing::PrintToStringParamName());

/* A page can come in a folio of 16. */
TEST(SmallPipe, HoldsNoMoreThanTwiceItsCapacity)
{
	Pipe large = make_pipe();
	Pipe small = make_pipe(0, page_size);

	put(large.out(), pattern(default_capacity));
	get(large.in(), default_capacity - page_size);
	EXPECT_EQ(do_splice(large.in(), small.out(), page_size), moved(page_size));
	EXPECT_LE(held(small), 2 * page_size);
	EXPECT_TRUE(same(drain(small.in()),
			 pattern(default_capacity).substr(default_capacity - page_size)));
}

TEST(ChargedMemory, IsThatOfWhoFillsThePipe)
{
	constexpr size_t size = 8 << 20;
	Cgroup group;

	EXPECT_EQ(in_child([&] {
			  group.enter();

			  Pipe pipe = make_pipe(0, size);
			  Fd zero = open_seekable(Kind::zero, "");
			  const size_t before = group.current();
			  size_t filled = 0;

			  while (filled < size)
				  filled +=
					  do_splice(zero.get(), pipe.out(), size - filled).bytes();

			  const size_t charged = group.current() - before;

			  require(charged >= size * 9 / 10,
				  std::to_string(charged) + " bytes charged");

			  size_t full = group.current();

			  pipe = make_pipe();
			  require(group.current() + size / 2 < full, "not given back");
		  }),
		  "");
}

TEST(ChargedMemory, OfAnArenaIsThatOfWhoTouchesIt)
{
	constexpr size_t size = 4 << 20;
	Cgroup group;

	EXPECT_EQ(in_child([&] {
			  group.enter();

			  Mapping arena(backend().map_gift(size), size);
			  const size_t before = group.current();

			  arena.fill(std::string(size, 'x'));
			  require(group.current() - before >= size * 9 / 10, "arena not charged");
		  }),
		  "");
}

/* The kernel kills, or fails the call; by then the pipe has a prefix, without a gap. */
TEST(ChargedMemory, AtTheLimitNoByteIsLost)
{
	constexpr size_t size = 16 << 20;
	File file(on_tmpfs, pattern(size));
	Pipe pipe = make_pipe(0, size);
	Cgroup group;

	/* The kernel's message when it kills is expected here, and must not look like a complaint.
	 */
	Setting all_messages("/sys/module/printk/parameters/ignore_loglevel", "N");
	Setting quiet("/proc/sys/kernel/printk", "1");

	group.limit(4 << 20);

	const std::string end = in_child([&] {
		size_t done = 0;

		group.enter();
		for (Result result; done < size; done += result.bytes()) {
			result = do_splice(file.fd(), pipe.out(), 1 << 20);
			require(result.ok() || result == failed(ENOMEM), "splice fails otherwise");
			if (!result.ok())
				break;
		}
	});

	EXPECT_TRUE(end.empty() || end == "killed by Killed") << end;

	const size_t there = unread(pipe.in());

	EXPECT_GE(there, size_t(1) << 20);
	EXPECT_LT(there, size);
	EXPECT_EQ(file.position(), off64_t(there));
	EXPECT_TRUE(same(drain(pipe.in()), pattern(there)));
}
