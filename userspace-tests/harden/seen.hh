/* SPDX-License-Identifier: GPL-2.0 */
/* Whether pipes are hardened, as programs see it. */
#pragma once

#include "pipe/pipe.hh"
#include "support/files.hh"

#include <gtest/gtest.h>

#include <unistd.h>

enum class Seen { old_bytes, new_bytes };

/** The acceptance test: is a file's page in a pipe the file's or the pipe's own? */
inline Seen file_in_pipe()
{
	File file(on_ext4, "old");
	Pipe pipe = make_stock_pipe();

	EXPECT_EQ(do_splice(file.fd(), pipe.out(), 3), moved(3));
	file.write_at(0, "new");
	return get(pipe.in(), 3) == "old" ? Seen::old_bytes : Seen::new_bytes;
}

/** As it was before: not loaded, and nothing changed. */
inline void expect_untouched()
{
	EXPECT_NE(access("/sys/module/privpipe_harden", F_OK), 0);
	EXPECT_EQ(file_in_pipe(), Seen::new_bytes);
}
