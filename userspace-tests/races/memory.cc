// SPDX-License-Identifier: GPL-2.0
/* Memory that changes hands, and memory that runs out. */
#include "races/scenarios.hh"

#include "pipe/backend.hh"
#include "pipe/pipe.hh"
#include "races/round.hh"
#include "support/files.hh"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <array>

void arena_in_use(double seconds)
{
	constexpr size_t size = 32 * page_size;
	auto *arena = static_cast<char *>(backend().map_gift(size));
	std::atomic<char *> memory = arena;
	File file(on_ext4, pattern(size));
	Fd direct = file.reopen(O_RDWR | O_DIRECT);
	Round round;
	/* With so many pages from there on. */
	auto somewhere = [&](unsigned nr) { return memory + random_below(33 - nr) * page_size; };

	auto give = [&] {
		Pipe pipe = make_pipe();
		Pipe twin = make_pipe();
		std::string bytes;
		iovec iov = {somewhere(1), pages(8)};
		Result gave =
			backend().vmsplice(pipe.out(), &iov, 1, SPLICE_F_GIFT | SPLICE_F_NONBLOCK);

		expect_one_of("gift", gave, {EINTR, EAGAIN, EFAULT});
		tee_all(pipe, twin);
		usleep(static_cast<useconds_t>(random_below(300)));
		expect_twins(pipe, twin, &bytes);
		if (bytes.size() != gave.bytes())
			complain("a gift said another length");
	};

	round.loop(give);
	round.loop(give);
	for (int fd : {direct.get(), file.fd()})
		round.loop([&, fd] {
			/* What is behind the arena can be somebody's heap. */
			static_cast<void>(!pread(fd, somewhere(4), pages(4), 0));
			static_cast<void>(!pwrite(fd, somewhere(1), pages(4), 0));
		});
	round.loop([&] {
		if (random_below(8) == 0) {
			auto *fresh = static_cast<char *>(backend().map_gift(size));

			/* Unmapped, and kept from becoming somebody's heap. */
			if (mmap(memory.exchange(fresh), size, PROT_NONE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
				 0) == MAP_FAILED)
				complain("mmap over an arena");
		}

		void *there = mmap(nullptr, size, PROT_NONE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		void *moved = mremap(memory, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, there);

		if (moved == MAP_FAILED)
			complain("mremap of an arena");
		else
			memory = static_cast<char *>(moved);
		madvise(somewhere(1), page_size, MADV_DONTNEED);
		usleep(1000);
	});
	round.run_for(seconds);
	munmap(memory, size);
}

namespace {

/*
 * A task may use less memory than the pipes have room for: it is killed or refused in the middle
 * of a splice. What is in the pipes then is the beginning of what was put in.
 */
void fill_with_little_memory(const File &file, const std::string &bytes)
{
	std::array<Pipe, 4> all;

	for (Pipe &pipe : all) {
		pipe = make_pipe(O_NONBLOCK | O_CLOEXEC);
		backend().resize(pipe.out(), static_cast<unsigned>(bytes.size()));
	}

	pid_t pid = checked(fork(), "fork");

	if (pid == 0) {
		write_text("/sys/fs/cgroup/limited/cgroup.procs", "0");
		for (const Pipe &pipe : all) {
			off64_t offset = 0;

			while (backend()
				       .splice(file.fd(), &offset, pipe.out(), nullptr, pages(64),
					       0)
				       .bytes())
				;
		}
		_exit(0);
	}
	while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR)
		;
	for (const Pipe &pipe : all) {
		std::string got = drain(pipe.in());

		if (auto equal = same(got, bytes.substr(0, got.size())); !equal)
			complain(std::string("after a limit was hit: ") + equal.message());
	}
}

} // namespace

void little_memory(double seconds)
{
	const std::string bytes = pattern(1 << 20);
	File file(on_ext4, bytes);
	Round round;

	mkdir("/sys/fs/cgroup/limited", 0755);
	write_text("/sys/fs/cgroup/limited/memory.max", std::to_string(2 << 20));
	round.loop([&] { fill_with_little_memory(file, bytes); });
	round.run_for(seconds);
	rmdir("/sys/fs/cgroup/limited");
}
