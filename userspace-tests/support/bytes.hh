/* SPDX-License-Identifier: GPL-2.0 */
/* Bytes that say where they came from, and memory laid out for awkward calls. */
#pragma once

#include <gtest/gtest.h>

#include <sys/mman.h>
#include <sys/uio.h>

#include <cstddef>
#include <string>
#include <string_view>

constexpr size_t page_size = 4096;
constexpr size_t default_capacity = 64 * 1024;

/** @size bytes of an endless sequence, from @start on; another @seed is another sequence. */
std::string pattern(size_t size, size_t start = 0, unsigned seed = 0);

/** Compares without printing megabytes: names the first offset that differs. */
testing::AssertionResult same(std::string_view got, std::string_view want);

/** Anonymous pages whose protection a test may change; unmapped with their owner. */
class Mapping {
public:
	explicit Mapping(size_t size, int sharing = MAP_PRIVATE);
	/** Adopts memory that was mapped elsewhere. */
	Mapping(void *data, size_t size) : data_(static_cast<char *>(data)), size_(size) {}
	~Mapping() { unmap(); }
	Mapping(const Mapping &) = delete;
	Mapping &operator=(const Mapping &) = delete;

	char *data() const { return data_; }
	size_t size() const { return size_; }
	std::string_view view() const { return {data_, size_}; }
	/** Copies @bytes to @offset. */
	void fill(std::string_view bytes, size_t offset = 0);
	/** Makes [@offset, @offset + @len) inaccessible. */
	void forbid(size_t offset, size_t len);
	/** Makes it readable only. */
	void protect_from_writes();
	void unmap();

private:
	char *data_;
	size_t size_;
};

/** An address that no process has anything mapped at. */
void *nowhere();

/** An iovec over bytes that the call will only read. */
inline iovec iovec_of(std::string_view bytes)
{
	return {const_cast<char *>(bytes.data()), bytes.size()};
}
