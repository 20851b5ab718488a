// SPDX-License-Identifier: MIT
#pragma once

#include <string>

/**
 * Reads a file from its beginning to its end; the file's position does not matter.
 *
 * @return the SHA-256 of the content, in hexadecimal digits
 * @throws std::system_error when it can't be read
 */
std::string sha256(int fd);
