// SPDX-License-Identifier: GPL-2.0
/* Memory that pipes keep to use again: it is given back before anybody suffers. */
#include "pipe/pipe.hh"
#include "support/cgroup.hh"
#include "support/child.hh"
#include "support/cpu.hh"
#include "support/files.hh"

#include <gtest/gtest.h>

#include <linux/kernel-page-flags.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <vector>

namespace {

constexpr size_t mib = 1 << 20;
/* As many folios of each size as a CPU keeps: pages in the smallest, in the largest. */
constexpr size_t kept = 16;
constexpr size_t smallest = 1;
constexpr size_t largest = 16;

bool recycles()
{
	return expected().file_written == Content::kept;
}

/* A process that fills a pipe and empties it, without memory of its own that comes and goes. */
class Worker {
public:
	explicit Worker(const File &file) : file_(file)
	{
		into_.fill(std::string(into_.size(), 'x'));
	}

	/* On @cpu, with pieces of each size of which a pipe keeps folios. */
	void work_on(size_t cpu)
	{
		run_on(cpu);
		for (size_t pages = smallest; pages <= largest; pages *= 2) {
			for (size_t i = 0; i < kept; i++)
				fill(pages * page_size);
			empty();
		}
	}

	void fill(size_t size)
	{
		off64_t offset = 0;

		require(backend().splice(file_.fd(), &offset, pipe_.out(), nullptr, size, 0) ==
				moved(size),
			"splice is short");
	}

	void empty()
	{
		while (size_t there = unread(pipe_.in()))
			require(backend().read(pipe_.in(), into_.data(), there).ok(), "read fails");
	}

private:
	const File &file_;
	Mapping into_{mib};
	Pipe pipe_ = make_pipe(0, mib);
};

/* An entry of a table in /proc that has one of 64 bits for each page. */
uint64_t entry(const std::string &table, uint64_t page)
{
	Fd file(open(table.c_str(), O_RDONLY | O_CLOEXEC), "open " + table);
	uint64_t value = 0;

	checked(pread(file.get(), &value, sizeof(value), off64_t(page * sizeof(value))),
		"read " + table);
	return value;
}

/* The physical page behind an address. */
uint64_t frame(const char *address)
{
	const uint64_t page = reinterpret_cast<uintptr_t>(address) / page_size;

	return entry("/proc/self/pagemap", page) & ((1ULL << 55) - 1);
}

bool poisoned(uint64_t frame)
{
	return entry("/proc/kpageflags", frame) >> KPF_HWPOISON & 1;
}

/* Fills an arena of one folio; returns its frames and leaves the folio to the next user. */
std::vector<uint64_t> use_a_folio(const std::function<void(char *)> &meanwhile = {})
{
	Mapping arena(backend().map_gift(largest * page_size), largest * page_size);
	std::vector<uint64_t> frames;

	arena.fill(std::string(arena.size(), 'x'));
	for (size_t at = 0; at < arena.size(); at += page_size)
		frames.push_back(frame(arena.data() + at));
	if (meanwhile)
		meanwhile(arena.data());
	return frames;
}

class RecycledMemory : public testing::Test {
protected:
	/* Made outside of the cgroup: its pages are not charged to that. */
	File file_{on_tmpfs, pattern(largest *page_size)};
	Cgroup group_;
	/* A kill is said on the console, where the test that fails should be the only word. */
	Setting all_messages_{"/sys/module/printk/parameters/ignore_loglevel", "N"};
	Setting quiet_{"/proc/sys/kernel/printk", "1"};
};

} // namespace

TEST_F(RecycledMemory, IsNoReasonToKillWhoeverNeedsMemory)
{
	const std::string end = in_child([this] {
		constexpr size_t wanted = 8 * mib;

		group_.enter();

		Worker worker(file_);
		const size_t before = group_.current();

		for (size_t cpu = 0; cpu < cpus(); cpu++)
			worker.work_on(cpu);
		if (recycles())
			require(group_.current() > before + 2 * mib, "nothing is kept");
		group_.limit(before + wanted + mib / 2);

		Mapping memory(wanted);

		for (size_t at = 0; at < wanted; at += page_size)
			memory.data()[at] = 1;
	});

	EXPECT_EQ(end, "");
	EXPECT_EQ(group_.event("oom_kill"), 0u);
}

/* On a CPU that keeps nothing, while another one keeps all that there is. */
TEST_F(RecycledMemory, IsNoReasonToKillWhoFillsAPipe)
{
	const std::string end = in_child([this] {
		group_.enter();

		Worker worker(file_);
		const size_t before = group_.current();

		worker.work_on(1);
		if (recycles())
			require(group_.current() > before + mib, "nothing is kept");
		run_on(0);
		group_.limit(group_.current() + mib / 2);
		for (size_t i = 0; i < kept; i++)
			worker.fill(largest * page_size);
	});

	EXPECT_EQ(end, "");
	EXPECT_EQ(group_.event("oom_kill"), 0u);
}

/* Unlike a page that is freed, of which the kernel takes care. */
TEST(PoisonedMemory, IsNotUsedAgain)
{
	constexpr size_t hit = 5;
	OnOneCpu one_cpu;
	const std::vector<uint64_t> frames = use_a_folio();

	ASSERT_EQ(use_a_folio([](char *memory) {
			  madvise(memory + hit * page_size, page_size, MADV_HWPOISON);
		  }),
		  frames)
		<< "the folio does not come back even while it is healthy";
	ASSERT_TRUE(poisoned(frames[hit]));
	for (size_t i = 0; i < 2 * kept; i++) {
		const std::vector<uint64_t> others = use_a_folio();

		EXPECT_EQ(std::count(others.begin(), others.end(), frames[hit]), 0);
	}
}
