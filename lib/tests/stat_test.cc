// SPDX-License-Identifier: MIT
// privpipe stat as a user runs it, over counters in a directory that looks like /sys.

#include "directory.h"
#include "process.h"

#include <linux/capability.h>
#include <regex>
#include <sys/prctl.h>
#include <sys/stat.h>

using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

class Stat : public InDirectory {
protected:
	void add_counters() const
	{
		fs::create_directories(path("sys/class/misc/privpipe/stats"));
		fs::create_directories(path("sys/module/privpipe_harden/stats"));
		make("sys/class/misc/privpipe/stats/copied_bytes", "12\n");
		make("sys/module/privpipe_harden/stats/file_calls", "18446744073709551615\n");
	}

	[[nodiscard]] Outcome stat(std::vector<std::string> options,
				   const Process::Setup &setup = {}) const
	{
		options.insert(options.begin(), {"stat", "--sysroot=" + directory.string()});
		return run(options, setup);
	}
};

// Without its capabilities root is refused like any other user.
const Process::Setup weak{.before_exec = [] {
	::prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE);
	::prctl(PR_CAPBSET_DROP, CAP_DAC_READ_SEARCH);
}};

} // namespace

TEST_F(Stat, ShowsTheCountersOfBothModules)
{
	add_counters();
	const Outcome end = stat({});

	EXPECT_EQ(end.code(), 0) << end.err;
	EXPECT_EQ(end.out, "privpipe/copied_bytes                        12\n"
			   "privpipe_harden/file_calls 18446744073709551615\n");
}

TEST_F(Stat, ShowsThoseOfTheModuleThatIsLoaded)
{
	add_counters();
	fs::remove_all(path("sys/class"));
	const Outcome end = stat({});

	EXPECT_EQ(end.code(), 0) << end.err;
	EXPECT_EQ(end.out, "privpipe_harden/file_calls 18446744073709551615\n");
}

TEST_F(Stat, TellsThatNoModuleIsLoaded)
{
	const Outcome end = stat({});

	EXPECT_EQ(end.code(), 1);
	EXPECT_EQ(end.err,
		  "privpipe: no counters: neither privpipe nor privpipe_harden is loaded\n");
}

TEST_F(Stat, WritesJson)
{
	add_counters();
	const Outcome end = stat({"--json"});

	EXPECT_EQ(end.code(), 0) << end.err;
	EXPECT_TRUE(std::regex_match(
		end.out,
		std::regex("\\{\"time\":\"[-0-9]{10}T[:0-9]{8}[-+][0-9]{4}\","
			   "\"privpipe\":\\{\"copied_bytes\":12\\},"
			   "\"privpipe_harden\":\\{\"file_calls\":18446744073709551615\\}\\}\n")))
		<< end.out;
}

TEST_F(Stat, WritesMetrics)
{
	fs::create_directories(path("sys/module/privpipe_harden/parameters"));
	make("sys/module/privpipe_harden/parameters/mode", "audit\n");
	const std::string state =
		"# HELP privpipe_harden_state Whether privpipe_harden(4) is in that "
		"state.\n"
		"# TYPE privpipe_harden_state gauge\n"
		"privpipe_harden_state{state=\"in_force\"} 0\n"
		"privpipe_harden_state{state=\"off\"} 0\n"
		"privpipe_harden_state{state=\"audit\"} 1\n"
		"privpipe_harden_state{state=\"changing\"} 0\n"
		"privpipe_harden_state{state=\"not_built\"} 0\n"
		"privpipe_harden_state{state=\"not_signed\"} 0\n";
	Outcome end = stat({"--prometheus"});

	EXPECT_EQ(end.code(), 0) << end.err;
	EXPECT_EQ(end.out, state);
	add_counters();
	make("sys/module/privpipe_harden/stats/file_bytes", "5\n");
	end = stat({"--prometheus"});
	EXPECT_EQ(end.code(), 0) << end.err;
	EXPECT_EQ(end.out,
		  state + "# HELP privpipe_copied_bytes_total The counter copied_bytes of "
			  "privpipe(4).\n"
			  "# TYPE privpipe_copied_bytes_total counter\n"
			  "privpipe_copied_bytes_total 12\n"
			  "# HELP privpipe_harden_calls_total Calls that copied into a pipe, or in "
			  "audit mode would have.\n"
			  "# TYPE privpipe_harden_calls_total counter\n"
			  "privpipe_harden_calls_total{path=\"file\"} 18446744073709551615\n"
			  "# HELP privpipe_harden_bytes_total Bytes copied into pipes.\n"
			  "# TYPE privpipe_harden_bytes_total counter\n"
			  "privpipe_harden_bytes_total{path=\"file\"} 5\n");
}

TEST_F(Stat, StampsWhatItRepeats)
{
	add_counters();
	for (const std::string format : {"--interval=0.01", "--json"}) {
		const std::string file = make("log", "");
		const privpipe::Fd log(::open(file.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
		const Process watching(
			{"stat", "--sysroot=" + directory.string(), format, "--interval=0.01"},
			{.out = log.get()});
		const std::regex stamp("[-0-9]{10}T[:0-9]{8}[-+][0-9]{4}");
		EXPECT_TRUE(eventually([&] {
			const std::string text = content("log");
			return std::distance(std::sregex_iterator(text.begin(), text.end(), stamp),
					     {}) > 2;
		})) << content("log");
	}
}

TEST_F(Stat, TellsWhoMayReadTheCounters)
{
	add_counters();
	const std::string stats = path("sys/class/misc/privpipe/stats");
	for (const std::string &locked : {stats, stats + "/copied_bytes"}) {
		fs::permissions(locked, fs::perms(0));
		const Outcome end = stat({}, weak);

		EXPECT_EQ(end.code(), 1);
		EXPECT_EQ(end.err, "privpipe: cannot read '" + locked +
					   "': Permission denied; only root can read the "
					   "counters\n");
		fs::permissions(locked, fs::perms(0700));
	}
}
