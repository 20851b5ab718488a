/* SPDX-License-Identifier: GPL-2.0 */
/* Page-sized records that can tell whether they are whole, and a ledger of them. */
#pragma once

#include "support/bytes.hh"

#include <array>
#include <atomic>
#include <cstdint>

/** A page full of one number. */
struct Record {
	std::array<uint64_t, page_size / sizeof(uint64_t)> words;

	explicit Record(uint64_t id = 0) { words.fill(id); }
	uint64_t id() const { return words[0]; }
	bool is_whole() const
	{
		for (uint64_t word : words)
			if (word != words[0])
				return false;
		return true;
	}
};
static_assert(sizeof(Record) == page_size);

/** The bytes that went in must come out, once each, in any order. */
class Ledger {
public:
	void put(uint64_t id) { count_++, sum_ += mixed(id); }
	void take(uint64_t id) { count_--, sum_ -= mixed(id); }
	bool is_balanced() const { return !count_ && !sum_; }
	int64_t missing() const { return count_; }

private:
	/* So that two wrong records don't look like two others. */
	static uint64_t mixed(uint64_t id) { return (id ^ id >> 31) * 0x9e3779b97f4a7c15u; }

	std::atomic<int64_t> count_ = 0;
	std::atomic<uint64_t> sum_ = 0;
};
