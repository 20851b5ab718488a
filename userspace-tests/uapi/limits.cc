// SPDX-License-Identifier: GPL-2.0
/* An unprivileged user: the device, and limits shared with the user's stock pipes. */
#include "pipe/pipe.hh"
#include "pipe/private.hh"
#include "support/child.hh"

#include <gtest/gtest.h>

/* Without udev, which hands it to a group. */
TEST(Unprivileged, MayNotOpenTheDevice)
{
	EXPECT_EQ(in_child([] {
			  become_unprivileged();
			  require(open("/dev/privpipe", O_RDWR | O_CLOEXEC) < 0 && errno == EACCES,
				  "EACCES");
		  }),
		  "");
}

TEST(Unprivileged, MayOpenTheDeviceOfItsGroupAndMakePipes)
{
	checked(chown("/dev/privpipe", 0, nobody_in_particular), "chown");
	EXPECT_EQ(in_child([] {
			  become_unprivileged();

			  Fd device(open("/dev/privpipe", O_RDWR | O_CLOEXEC),
				    "open /dev/privpipe");
			  privpipe_create args = {.size = sizeof(args)};

			  require(private_backend().command(device.get(), PRIVPIPE_CREATE, &args) ==
					  moved(0),
				  "PRIVPIPE_CREATE");
		  }),
		  "");
	checked(chown("/dev/privpipe", 0, 0), "chown");
}

TEST(Unprivileged, StockAndPrivatePipesCountTogether)
{
	Setting soft(backend().parameters().user_soft, "48");

	EXPECT_EQ(in_child([] {
			  become_unprivileged();

			  Pipe stock[] = {make_stock_pipe(), make_stock_pipe()};
			  Pipe third = make_pipe();
			  Pipe fourth = make_pipe();

			  require(backend().capacity(third.out()) == moved(default_capacity),
				  "the third");
			  require(backend().capacity(fourth.out()) == moved(2 * page_size),
				  "the fourth");
		  }),
		  "");
}

TEST(Unprivileged, WhatIsClosedIsGivenBack)
{
	Setting hard(backend().parameters().user_hard, "64");

	EXPECT_EQ(in_child([] {
			  become_unprivileged();
			  for (int i = 0; i < 100; i++) {
				  Pipe pipe = make_pipe();

				  require(backend().resize(pipe.out(), 32 * page_size) ==
						  moved(32 * page_size),
					  "growing");
				  put(pipe.out(), pattern(default_capacity));
			  }
			  for (int i = 0; i < 100; i++)
				  Mapping(backend().map_gift(64 * page_size), 64 * page_size);
		  }),
		  "");
}

TEST(Unprivileged, SeesNoCountersForTheyTellOnOthers)
{
	EXPECT_EQ(in_child([] {
			  become_unprivileged();
			  for (const char *name :
			       {"file_out", "user_copied", "refused_hot_pages"}) {
				  const std::string path =
					  std::string("/sys/class/misc/privpipe/stats/") + name;

				  require(result_of(open(path.c_str(), O_RDONLY)) == failed(EACCES),
					  path);
			  }
		  }),
		  "");
}
