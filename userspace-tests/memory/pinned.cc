// SPDX-License-Identifier: GPL-2.0
/* The memory that a full pipe pins, measured by what its cgroup is charged. */
#include "pipe/pipe.hh"
#include "support/cgroup.hh"
#include "support/child.hh"
#include "support/files.hh"

#include <gtest/gtest.h>

#include <unistd.h>

namespace {

constexpr size_t capacity = 1 << 20;
constexpr size_t size = 32 << 20;
/* Charges are made in advance for each CPU. */
constexpr size_t noise = 2 << 20;

class PinnedMemory : public testing::TestWithParam<unsigned> {};

} // namespace

/* A file that is written at once is in large folios where the kernel has them. */
TEST_P(PinnedMemory, OfPagesOfAFileIsTheCapacity)
{
	const bool pins_folios = backend().expect().file_written == Content::changed &&
				 access("/sys/kernel/mm/transparent_hugepage", F_OK) == 0;
	Cgroup group;

	EXPECT_EQ(in_child([&] {
			  group.enter();

			  Pipe pipe = make_pipe(0, capacity);
			  const size_t before = group.current();
			  File file(on_xfs, pattern(size));

			  checked(fsync(file.fd()), "fsync");
			  require(!posix_fadvise(file.fd(), 0, 0, POSIX_FADV_NOREUSE), "NOREUSE");
			  for (size_t i = 0; i < capacity / page_size; i++) {
				  off64_t at = off64_t(i * (size / capacity) * page_size);

				  require(backend().splice(file.fd(), &at, pipe.out(), nullptr,
							   page_size,
							   GetParam()) == moved(page_size),
					  "no page");
			  }
			  checked(ftruncate(file.fd(), 0), "ftruncate");

			  const size_t pinned = group.current() - before;

			  require(pins_folios ? pinned > size / 2 : pinned < capacity + noise,
				  std::to_string(pinned) + " bytes");
		  }),
		  "");
}

/* Asked for more than there is, a call must not keep what it did not need. */
TEST_P(PinnedMemory, OfShortFilesIsTheCapacity)
{
	Cgroup group;

	EXPECT_EQ(in_child([&] {
			  group.enter();

			  Pipe pipe = make_pipe(0, capacity);
			  File file(on_tmpfs, pattern(page_size));
			  const size_t before = group.current();

			  for (size_t i = 0; i < capacity / page_size; i++) {
				  off64_t at = 0;

				  require(backend().splice(file.fd(), &at, pipe.out(), nullptr,
							   default_capacity,
							   GetParam()) == moved(page_size),
					  "no page");
			  }

			  const size_t after = group.current();

			  require(after < before + capacity + noise,
				  std::to_string(after) + " bytes after " + std::to_string(before));
		  }),
		  "");
}

INSTANTIATE_TEST_SUITE_P(Flags, PinnedMemory, testing::Values(0u, unsigned(SPLICE_F_MOVE)));
