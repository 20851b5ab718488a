/* SPDX-License-Identifier: GPL-2.0 */
/* Descriptors that are neither pipe, file nor stream. */
#pragma once

#include "support/fd.hh"

#include <string>
#include <vector>

struct Oddity {
	std::string name;
	Fd fd;
};

/** One of each kind that can't be spliced from nor to, open for reading and writing if it can. */
std::vector<Oddity> unspliceable();
