// SPDX-License-Identifier: GPL-2.0
/* PRIVPIPE_F_DIRECT: pages of files to sockets as they are. */
#include "pipe/kinds.hh"
#include "pipe/private.hh"
#include "support/bytes.hh"
#include "support/cpu.hh"
#include "support/files.hh"

#include <gtest/gtest.h>

#include <sys/socket.h>
#include <unistd.h>

#include <tuple>

namespace {

constexpr size_t size = 600 * 1024;
/* Neither begins nor ends with a page. */
constexpr size_t first = 123, count = size - 1000;

Result send_directly(int out, int in, off64_t *offset, size_t n)
{
	privpipe_sendfile args = {.size = sizeof(args),
				  .flags = PRIVPIPE_F_DIRECT,
				  .fd_in = in,
				  .fd_out = out,
				  .off = abi_address(offset),
				  .count = n};

	return private_backend().command(private_backend().device(), PRIVPIPE_SENDFILE, &args);
}

/* TCP leaves buffers to the CPU that allocated them, which frees them when it next receives. */
void receive_on_every_cpu()
{
	OnOneCpu restores_the_mask;

	for (size_t cpu = 0; cpu < cpus(); cpu++) {
		Connection udp = connect_kind(Kind::udp, false);

		run_on(cpu);
		checked(send(udp.near.get(), "x", 1, 0), "send a datagram");
	}
}

class DirectSendfile : public testing::TestWithParam<std::tuple<const char *, Kind>> {
protected:
	/* More than a socket holds: it blocks, is woken and goes on within the call. */
	void send_all(int out)
	{
		off64_t offset = first;

		EXPECT_EQ(send_directly(out, file.fd(), &offset, count), moved(count));
		EXPECT_EQ(offset, static_cast<off64_t>(first + count));
		EXPECT_EQ(file.position(), 0);
	}

	std::string contents = pattern(size);
	File file{std::get<0>(GetParam()), contents};
};

} // namespace

TEST_P(DirectSendfile, EveryByteArrivesOnce)
{
	Target target(std::get<1>(GetParam()));

	send_all(target.fd());
	EXPECT_TRUE(same(target.take(count), std::string_view(contents).substr(first, count)));
	EXPECT_TRUE(same(file.read_at(0, size), contents));
}

INSTANTIATE_TEST_SUITE_P(Files, DirectSendfile,
			 testing::Combine(testing::Values(on_ext4, on_xfs, on_tmpfs),
					  testing::Values(Kind::tcp, Kind::unix_stream)));

using DirectSendfileFromDisk = DirectSendfile;

/* A page that somebody goes on referring to does not leave the cache. */
TEST_P(DirectSendfileFromDisk, NothingRefersToThePagesAfterwards)
{
	{
		Target target(std::get<1>(GetParam()));

		send_all(target.fd());
		target.take(count);
	}
	/* The last acknowledgement may be on its way still. */
	for (int tries = 0; cached(file.fd(), size) && tries < 100; tries++) {
		usleep(10000);
		receive_on_every_cpu();
		file.forget();
	}
	EXPECT_EQ(cached(file.fd(), size), 0u);
}

INSTANTIATE_TEST_SUITE_P(Files, DirectSendfileFromDisk,
			 testing::Combine(testing::Values(on_ext4, on_xfs),
					  testing::Values(Kind::tcp, Kind::unix_stream)));

TEST(DirectSendfileErrors, WhatIsNoSocketIsEinval)
{
	File file(on_ext4, "contents"), target(on_tmpfs);
	Pipe pipe = make_pipe();
	off64_t offset = 0;

	EXPECT_EQ(send_directly(target.fd(), file.fd(), &offset, 8), failed(EINVAL));
	EXPECT_EQ(send_directly(pipe.out(), file.fd(), &offset, 8), failed(EINVAL));
	EXPECT_EQ(offset, 0);
	EXPECT_EQ(target.size(), 0);
}
