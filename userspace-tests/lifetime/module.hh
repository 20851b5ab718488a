/* SPDX-License-Identifier: GPL-2.0 */
/* privpipe.ko, loaded while a test runs, and its pipes and arenas. */
#pragma once

#include "support/fd.hh"
#include "support/result.hh"
#include "support/users.hh"

#include <linux/privpipe.h>

#include <gtest/gtest.h>

#include <string>

/** As remove_module(), until it is removed or ten seconds are over. */
Result remove_module_soon();
/** finit_module(2) of /lib/privpipe.ko. */
Result load_module();

/** After each test, nobody may hold the module. */
class WithModule : public testing::Test {
protected:
	void TearDown() override;
};

Fd open_device();

struct PrivatePipe {
	explicit PrivatePipe(int device);

	Fd read_end;
	Fd write_end;
};

constexpr size_t arena_size = 1 << 16;

Fd make_arena(int device);

/** /proc/PID/fd/FD; @pid 0 is the caller. */
std::string fd_path(int fd, pid_t pid = 0);
