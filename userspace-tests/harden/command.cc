// SPDX-License-Identifier: GPL-2.0
/* `privpipe harden`, and words on the kernel command line, as an administrator uses them. */
#include "harden/control.hh"
#include "harden/seen.hh"
#include "pipe/kinds.hh"

#include <sys/mount.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <thread>

using namespace std::chrono_literals;

namespace {

int status()
{
	return run("privpipe harden status").status;
}

/*
 * As if the machine had booted with that command line: kmod takes a module's parameters from
 * there, and the kernel itself does not.
 */
class Booted {
public:
	explicit Booted(const std::string &words)
	{
		std::ofstream("/tmp/cmdline") << words << '\n' << std::flush;
		checked(mount("/tmp/cmdline", "/proc/cmdline", nullptr, MS_BIND, nullptr),
			"mount a command line");
	}
	~Booted() { umount("/proc/cmdline"); }
	Booted(const Booted &) = delete;
	Booted &operator=(const Booted &) = delete;
};

} // namespace

TEST(Command, ChangesTheModeWhileAProgramSplicesAndLosesNothing)
{
	const std::string bytes = pattern(default_capacity);
	std::atomic<bool> over = false;
	std::atomic<size_t> rounds = 0, wrong = 0;
	std::thread program([&] {
		Fd file = open_seekable(Kind::ext4, bytes);
		Pipe pipe = make_stock_pipe();

		while (!over) {
			const size_t size = 1 + rounds++ * 4097 % default_capacity;
			off64_t offset = 0;
			const Result in =
				backend().splice(file.get(), &offset, pipe.out(), nullptr, size, 0);

			wrong += in != moved(size) || drain(pipe.in()) != bytes.substr(0, size);
			std::this_thread::sleep_for(5ms);
		}
	});

	EXPECT_EQ(status(), 3);
	for (const std::string mode : {"audit", "enforce", "audit"}) {
		const bool copies = mode == "enforce";

		EXPECT_EQ(run("privpipe harden " + mode).status, 0);
		EXPECT_EQ(status(), copies ? 0 : 4);
		EXPECT_EQ(file_in_pipe(), copies ? Seen::old_bytes : Seen::new_bytes);
		EXPECT_GT(counter(copies ? "file_bytes" : "file_calls"), 0u);
	}
	EXPECT_EQ(run("privpipe harden off").status, 0);
	EXPECT_EQ(status(), 3);
	over = true;
	program.join();
	EXPECT_EQ(wrong, 0u);
	EXPECT_GT(rounds, 20u);
	expect_untouched();
}

TEST(Command, WorksForAParentThatIgnoresItsChildren)
{
	EXPECT_EQ(run("trap '' CHLD; exec privpipe harden enforce").status, 0);
	EXPECT_EQ(status(), 0);
	EXPECT_EQ(run("privpipe harden off").status, 0);
}

TEST(Command, TellsThatTasksHaveNotChangedBackYet)
{
	Pipe pipe = make_stock_pipe();
	const std::string before = fill(pipe);

	ASSERT_EQ(harden(), moved(0));
	std::thread holder([&] { EXPECT_EQ(do_vmsplice(pipe.out(), "x"), moved(1)); });
	std::this_thread::sleep_for(1s);
	disable();
	EXPECT_EQ(status(), 5);
	EXPECT_TRUE(same(drain(pipe.in()), before));
	holder.join();
	EXPECT_EQ(soften(), moved(0));
	EXPECT_EQ(status(), 3);
}

TEST(Boot, AWordKeepsItOff)
{
	Booted booted("console=ttyS0 privpipe_harden.mode=off");

	/* By modules-load.d; the unit is not even started. */
	EXPECT_EQ(run("modprobe privpipe_harden").status, 0);
	EXPECT_EQ(file_in_pipe(), Seen::new_bytes);
	EXPECT_NE(access("/sys/module/privpipe_harden/stats", F_OK), 0) << "it counts";
	EXPECT_EQ(unit_says("ConditionKernelCommandLine"), "!privpipe_harden.mode=off");

	const Said said = run(unit_says("ExecStart"));
	EXPECT_EQ(said.status, 3);
	EXPECT_EQ(said.words.find("off: the kernel command line"), 0u) << said.words;
	EXPECT_EQ(status(), 3);
	EXPECT_EQ(file_in_pipe(), Seen::new_bytes);
	EXPECT_EQ(run("privpipe harden enforce").status, 0)
		<< "the administrator has the last word";
	EXPECT_EQ(file_in_pipe(), Seen::old_bytes);
	EXPECT_EQ(run(unit_says("ExecStop")).status, 0);
	expect_untouched();
}

TEST(Boot, AWordMakesItAudit)
{
	Booted booted("privpipe_harden.mode=audit quiet");

	EXPECT_EQ(run(unit_says("ExecStart")).status, 4);
	EXPECT_EQ(status(), 4);
	EXPECT_EQ(file_in_pipe(), Seen::new_bytes);
	EXPECT_EQ(counter("file_calls"), 1u);
	EXPECT_EQ(run(unit_says("ExecStop")).status, 0);
	expect_untouched();
}
