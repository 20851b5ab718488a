/* SPDX-License-Identifier: GPL-2.0 */
/* A disk with a bad spot, made by the device mapper over the test disk. */
#pragma once

#include "support/fd.hh"

#include <cstddef>

class FaultyDisk {
public:
	/** The first @good bytes can be read, the next @bad bytes cannot. */
	FaultyDisk(size_t good, size_t bad);
	~FaultyDisk();
	FaultyDisk(const FaultyDisk &) = delete;
	FaultyDisk &operator=(const FaultyDisk &) = delete;

	int fd() const { return fd_.get(); }

private:
	Fd control_;
	Fd fd_;
};
