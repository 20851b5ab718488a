// SPDX-License-Identifier: GPL-2.0
/* Calls that need no memory of a stock kernel, in a memory cgroup that is full. */
#include "harden/control.hh"
#include "pipe/fuse.hh"
#include "pipe/kinds.hh"
#include "pipe/pipe.hh"
#include "support/async.hh"
#include "support/cgroup.hh"
#include "support/child.hh"
#include "support/files.hh"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <functional>
#include <utility>

namespace {

/* Runs @body in a child in a cgroup where a charge fails rather than kill somebody. */
std::string in_full_cgroup(const std::function<void(const Cgroup &group)> &body)
{
	Cgroup group;

	return in_child([&] {
		std::ofstream("/proc/self/oom_score_adj") << "-1000" << std::flush;
		group.enter();
		body(group);
	});
}

/* The result of @call while nothing more can be charged to @group. */
template <class F>
auto while_full(const Cgroup &group, F call)
{
	/* Memory that one attempt reclaims can be charged again until the next attempt. */
	for (int tries = 3; tries; tries--)
		group.limit(0);
	auto result = call();
	group.limit(1 << 30);
	return result;
}

void expect_sockets_to_give_a_page()
{
	const std::string bytes = pattern(page_size);

	EXPECT_EQ(in_full_cgroup([&](const Cgroup &group) {
			  std::vector<Pipe> full; /* or its page would be used again */

			  for (Kind kind : {Kind::unix_stream, Kind::tcp}) {
				  Connection connection = connect_kind(kind, false);
				  const std::string name = kind_name(kind);

				  full.push_back(make_stock_pipe());
				  put(connection.far.get(), bytes);

				  const Result result = while_full(group, [&] {
					  return do_splice(connection.near.get(), full.back().out(),
							   bytes.size());
				  });

				  require(result.ok(), name + ": " + std::to_string(result.value));
				  require(drain(full.back().in()) ==
						  bytes.substr(0, result.bytes()),
					  name + ": other bytes");
			  }
		  }),
		  "");
}

void expect_requests_to_arrive_whole()
{
	const std::string bytes = pattern(page_size);
	Pipe mounted = make_stock_pipe(), written = make_stock_pipe();
	/* Elsewhere, so that the cgroup has only the daemon's memory. */
	Async writer([&] {
		const std::string daemon = get(mounted.in(), sizeof(pid_t));
		pid_t pid = 0;

		std::memcpy(&pid, daemon.data(), daemon.size());
		{
			Fd file(open(FuseFile::path_of(pid).c_str(), O_WRONLY), "open a FUSE file");

			write_at(file.get(), 0, bytes);
		}
		put(written.out(), "!");
		return true;
	});

	EXPECT_EQ(in_full_cgroup([&](const Cgroup &group) {
			  bool announced = false;
			  FuseFile file("", [&](int device, int pipe) {
				  const pid_t pid = getpid();

				  if (!std::exchange(announced, true))
					  put(mounted.out(),
					      {reinterpret_cast<const char *>(&pid), sizeof(pid)});
				  return while_full(group, [&] {
					  return FuseFile::receive_by_splice(device, pipe);
				  });
			  });

			  get(written.in(), 1);

			  std::vector<Pipe> writes = file.take_writes();

			  require(writes.size() == 1, "not one write");
			  require(drain(writes[0].in()) == bytes, "a request was cut");
		  }),
		  "");
	mounted.write_end.reset(); /* the writer waits for no daemon that never was */
	EXPECT_TRUE(writer.get());
}

} // namespace

TEST(Shortage, OfMemoryLetsSocketsGiveAPage)
{
	expect_sockets_to_give_a_page();
	ASSERT_EQ(harden(), moved(0));
	expect_sockets_to_give_a_page();
	EXPECT_EQ(soften(), moved(0));
}

TEST(Shortage, OfMemoryCutsNoRequestToAFuseDaemon)
{
	expect_requests_to_arrive_whole();
	ASSERT_EQ(harden(), moved(0));
	expect_requests_to_arrive_whole();
	EXPECT_EQ(soften(), moved(0));
}
