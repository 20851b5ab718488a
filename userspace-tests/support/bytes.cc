// SPDX-License-Identifier: GPL-2.0
#include "support/bytes.hh"

#include "support/fd.hh"

#include <algorithm>
#include <cstdint>
#include <cstring>

std::string pattern(size_t size, size_t start, unsigned seed)
{
	std::string bytes(size, '\0');

	/* Neither a page nor a power of two away does the same sequence come again. */
	for (size_t i = 0; i < size; i++) {
		uint32_t where = static_cast<uint32_t>(start + i) + seed * 0x9e3779b9u;

		where *= 0x85ebca6bu;
		bytes[i] = static_cast<char>(where >> 24 ^ where >> 13);
	}
	return bytes;
}

testing::AssertionResult same(std::string_view got, std::string_view want)
{
	if (got == want)
		return testing::AssertionSuccess();

	size_t at = std::mismatch(got.begin(), got.begin() + std::min(got.size(), want.size()),
				  want.begin())
			    .first -
		    got.begin();
	auto failure = testing::AssertionFailure();

	failure << got.size() << " bytes, expected " << want.size();
	if (at < got.size() && at < want.size())
		failure << "; the first difference is at " << at << ": "
			<< int(static_cast<unsigned char>(got[at])) << ", expected "
			<< int(static_cast<unsigned char>(want[at]));
	return failure;
}

Mapping::Mapping(size_t size, int sharing)
	: data_(static_cast<char *>(
		  mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | sharing, -1, 0))),
	  size_(size)
{
	if (data_ == MAP_FAILED)
		throw_errno("mmap");
}

void Mapping::fill(std::string_view bytes, size_t offset)
{
	memcpy(data_ + offset, bytes.data(), bytes.size());
}

void Mapping::forbid(size_t offset, size_t len)
{
	checked(mprotect(data_ + offset, len, PROT_NONE), "mprotect");
}

void Mapping::protect_from_writes()
{
	checked(mprotect(data_, size_, PROT_READ), "mprotect");
}

void Mapping::unmap()
{
	if (data_)
		munmap(data_, size_);
	data_ = nullptr;
}

void *nowhere()
{
	/* In the first page, where mmap_min_addr lets nobody map. */
	return reinterpret_cast<void *>(16);
}
