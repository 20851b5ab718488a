/* SPDX-License-Identifier: GPL-2.0 */
/* Disks that misbehave, made by the device mapper over the test disk; one at a time. */
#pragma once

#include "support/fd.hh"

#include <cstddef>
#include <string>

/** A disk with a bad spot. */
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

/** A disk that answers only when the test lets it. */
class HeldDisk {
public:
	HeldDisk();
	~HeldDisk();
	HeldDisk(const HeldDisk &) = delete;
	HeldDisk &operator=(const HeldDisk &) = delete;

	/** Its node in /dev. */
	const std::string &path() const { return path_; }
	/** From now on requests wait. */
	void hold();
	/** Those that wait and all that follow are served. */
	void let_go();

private:
	Fd control_;
	std::string path_;
};
