// SPDX-License-Identifier: GPL-2.0
/* Files that change while they are spliced. */
#include "races/scenarios.hh"

#include "pipe/backend.hh"
#include "pipe/pipe.hh"
#include "races/record.hh"
#include "races/round.hh"
#include "support/files.hh"

#include <fcntl.h>

#include <cstring>

namespace {

constexpr size_t churned_pages = 64;

void splice_while_it_changes(const File &file)
{
	Pipe pipe = make_pipe();
	Pipe twin = make_pipe();
	uint64_t first = random_below(churned_pages);
	off64_t offset = static_cast<off64_t>(first * page_size);
	Result got = backend().splice(file.fd(), &offset, pipe.out(), nullptr, pages(16),
				      random_below(4) ? SPLICE_F_MOVE : 0);
	std::string bytes;

	expect_one_of("splice", got, {EINTR, EAGAIN, EIO});
	tee_all(pipe, twin);
	usleep(static_cast<useconds_t>(random_below(500)));
	expect_twins(pipe, twin, &bytes);
	if (bytes.size() != got.bytes())
		complain("a splice said another length");
	/*
	 * Each word names its page, from 1 on, in whatever version; a hole has zeros.  Reading is
	 * not atomic against writing, so of a word that replaces zeros the version may be there
	 * first.
	 */
	for (size_t i = 0; i + sizeof(uint64_t) <= bytes.size(); i += sizeof(uint64_t)) {
		uint64_t word;

		memcpy(&word, bytes.data() + i, sizeof(word));
		if (word >> 32 && word >> 32 != first + i / page_size + 1)
			return complain("page " + std::to_string(first + i / page_size + 1) +
					" was spliced from page " + std::to_string(word >> 32));
	}
}

void write_a_page(const File &file, uint64_t version)
{
	uint64_t page = random_below(churned_pages);
	Record record((page + 1) << 32 | (version & 0xffffffff));

	static_cast<void>(
		!pwrite(file.fd(), &record, sizeof(record), static_cast<off_t>(page * page_size)));
}

void shrink_or_drop(const File &file)
{
	auto offset = static_cast<off_t>(random_below(churned_pages) * page_size);

	switch (random_below(4)) {
	case 0:
		static_cast<void>(!ftruncate(file.fd(), offset));
		break;
	case 1:
		fallocate(file.fd(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset,
			  static_cast<off_t>(pages(8)));
		break;
	default:
		sync_file_range(file.fd(), 0, 0,
				SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
		posix_fadvise(file.fd(), 0, 0, POSIX_FADV_DONTNEED);
	}
}

void file_changes(const char *where, double seconds)
{
	File file(where);
	Round round;

	/* Some of its pages are read by nobody else: patches/steal may take them. */
	posix_fadvise(file.fd(), 0, 0, POSIX_FADV_NOREUSE);
	round.loop([&] { splice_while_it_changes(file); });
	round.loop([&] { splice_while_it_changes(file); });
	round.loop([&] { write_a_page(file, fresh_id()); });
	round.loop([&] { shrink_or_drop(file); });
	round.run_for(seconds);
}

} // namespace

void ext4_file_changes(double seconds)
{
	file_changes(on_ext4, seconds);
}

void xfs_file_changes(double seconds)
{
	file_changes(on_xfs, seconds);
}
