// SPDX-License-Identifier: MIT
#include "sha256.h"
#include "message.h"

#include <array>
#include <cstdint>
#include <nettle/sha2.h>
#include <unistd.h>
#include <vector>

std::string sha256(int fd)
{
	sha256_ctx context;
	std::vector<std::uint8_t> buffer(1 << 20);
	off_t offset = 0;

	sha256_init(&context);
	for (;;) {
		const ssize_t len = ::pread(fd, buffer.data(), buffer.size(), offset);
		if (len < 0)
			throw std::system_error(last_error(), "read a file to hash");
		if (len == 0)
			break;
		sha256_update(&context, std::size_t(len), buffer.data());
		offset += len;
	}

	std::array<std::uint8_t, SHA256_DIGEST_SIZE> digest;
	sha256_digest(&context, digest.size(), digest.data());
	std::string text;
	for (const std::uint8_t byte : digest) {
		text += "0123456789abcdef"[byte >> 4];
		text += "0123456789abcdef"[byte & 15];
	}
	return text;
}
