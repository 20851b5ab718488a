// SPDX-License-Identifier: MIT
// privpipe harden as a user runs it, on a machine in a directory, where modprobe and rmmod are
// scripts.

#include "directory.h"
#include "process.h"

#include <cstdlib>
#include <sys/stat.h>
#include <sys/utsname.h>

namespace fs = std::filesystem;

namespace {

class Harden : public InDirectory {
protected:
	void SetUp() override
	{
		InDirectory::SetUp();
		utsname name{};
		::uname(&name);
		kernel = name.release;
		put("sys/kernel/livepatch/other", "");
		put("lib/modules/" + kernel + "/build", "");
		put("lib/modules/" + kernel + "/modules.dep",
		    "updates/dkms/privpipe.ko:\nupdates/dkms/privpipe_harden.ko.xz: fs/fuse.ko\n");
		program("modprobe", "mode=enforce\n"
				    "for word in $(cat etc 2>/dev/null) $*; do\n"
				    "\tcase $word in mode=*) mode=${word#mode=} ;; esac\n"
				    "done\n"
				    "[ ! -e refuse ] || exit 1\n"
				    "mkdir -p sys/module/privpipe_harden/parameters\n"
				    "cd sys/module/privpipe_harden\n"
				    "echo $mode >parameters/mode\n"
				    "echo 0 >refcnt\n"
				    ": >exceptions\n"
				    "[ $mode = enforce ] || exit 0\n"
				    "cd ../../kernel/livepatch && mkdir privpipe_harden\n"
				    "echo 1 >privpipe_harden/enabled\n"
				    "echo 0 >privpipe_harden/transition\n");
		program("rmmod", "rm -r sys/module/privpipe_harden\n");
		program("modinfo", "cat signer 2>/dev/null\n");
	}

	// Writes a file, and makes the directories above it.
	void put(const std::string &file, const std::string &content) const
	{
		fs::create_directories(fs::path(path(file)).parent_path());
		make(file, content);
	}

	void program(const std::string &name, const std::string &script) const
	{
		put("bin/" + name, "#!/bin/sh\ncd " + directory.string() + "\necho " + name +
					   " $* >>ran\n" + script);
		EXPECT_EQ(::chmod(path("bin/" + name).c_str(), 0755), 0);
	}

	void loaded(const std::string &mode) const
	{
		put("sys/module/privpipe_harden/parameters/mode", mode + "\n");
		put("sys/module/privpipe_harden/refcnt", "0\n");
	}

	void livepatch(const std::string &enabled, const std::string &transition) const
	{
		loaded("enforce");
		put("sys/kernel/livepatch/privpipe_harden/enabled", enabled + "\n");
		put("sys/kernel/livepatch/privpipe_harden/transition", transition + "\n");
	}

	[[nodiscard]] Outcome harden(std::vector<std::string> words) const
	{
		words.insert(words.begin(), {"harden", "--sysroot=" + directory.string()});
		return run(words, {.before_exec = [this] {
				   ::setenv("PATH", (path("bin") + ":/bin:/usr/bin").c_str(), 1);
				   ::setenv("LIMIT", "1", 1);
			   }});
	}

	void expect_status(int code, const std::string &words) const
	{
		const Outcome end = harden({"status"});

		EXPECT_EQ(end.code(), code) << end.out << end.err;
		EXPECT_NE(end.out.find(words), std::string::npos) << end.out;
	}

	std::string kernel;
};

} // namespace

TEST_F(Harden, IsInForceOnceEveryTaskHasChangedOver)
{
	livepatch("1", "1");
	put("proc/7/task/8/patch_state", "0\n");
	put("proc/7/task/8/comm", "slow one\n");
	put("proc/7/task/9/patch_state", "1\n");
	put("proc/7/task/9/comm", "quick\n");
	expect_status(5, "changing: some tasks still share pages");
	expect_status(5, "waiting for: slow one[8]\n");
	EXPECT_EQ(harden({"status"}).out.find("quick"), std::string::npos);
	livepatch("1", "0");
	expect_status(0, "in_force: pipes get copies");
}

TEST_F(Harden, IsOffWhenNotLoadedOrDisabled)
{
	expect_status(3, "off: the module is not loaded");
	loaded("off");
	expect_status(3, "off: the kernel command line or modprobe.d says mode=off");
	loaded("enforce");
	expect_status(3, "off: somebody disabled the livepatch, or another one replaced it");
}

TEST_F(Harden, NamesWhatIsMissingForThisKernel)
{
	put("lib/modules/" + kernel + "/modules.dep", "kernel/fs/fuse.ko:\n");
	expect_status(6, "to do: install the package privpipe-harden-dkms");
	fs::create_directories(path("var/lib/dkms/privpipe-harden"));
	expect_status(6, "to do: dkms autoinstall");
	fs::remove(path("lib/modules/" + kernel + "/build"));
	expect_status(6, "to do: apt-get install linux-headers-" + kernel);
	fs::remove_all(path("sys/kernel/livepatch"));
	expect_status(6, "this kernel is built without CONFIG_LIVEPATCH");
}

TEST_F(Harden, TellsThatASignatureIsMissing)
{
	const std::string mode = "sys/module/module/parameters/sig_enforce";

	put(mode, "N\n");
	put("sys/kernel/security/lockdown", "[none] integrity confidentiality\n");
	expect_status(3, "off");
	put("sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
	expect_status(7, "not_signed");
	fs::remove(path("sys/kernel/security/lockdown"));
	put(mode, "Y\n");
	expect_status(7, "mokutil --import");
	put("signer", "DKMS module signing key\n");
	expect_status(3, "off"); // as far as a user can see
	put("proc/keys", "1 I--Q--- keyring .builtin_trusted_keys: 1\n");
	expect_status(7, "not_signed");
	put("proc/keys", "1 I--Q--- keyring .builtin_trusted_keys: 1\n"
			 "2 I--Q--- asymmetric DKMS module signing key: 12ab: X509.rsa\n");
	expect_status(3, "off");
}

TEST_F(Harden, ShowsWhatItCountedByProgram)
{
	loaded("audit");
	put("sys/kernel/debug/privpipe_harden/programs",
	    "2 file a \"b\n30 socket nginx\n1 memory (others)\n");
	expect_status(4, "       calls  path     program\n"
			 "          30  socket   nginx\n"
			 "           2  file     a \"b\n"
			 "           1  memory   (others)\n");
	const Outcome end = harden({"--json", "status"});
	EXPECT_EQ(end.code(), 4);
	EXPECT_EQ(end.out, "{\"state\":\"audit\",\"status\":4,\"kernel\":\"" + kernel +
				   "\",\"reason\":\"pipes share pages; calls that would copy are "
				   "counted\",\"fix\":\"\",\"tasks\":[],\"programs\":["
				   "{\"program\":\"nginx\",\"path\":\"socket\",\"calls\":30},"
				   "{\"program\":\"a \\u0022b\",\"path\":\"file\",\"calls\":2},"
				   "{\"program\":\"(others)\",\"path\":\"memory\",\"calls\":1}],"
				   "\"exceptions\":[]}\n");
}

TEST_F(Harden, LoadsTheModuleAgainForAnotherMode)
{
	EXPECT_EQ(harden({"audit"}).code(), 0);
	expect_status(4, "audit");
	EXPECT_EQ(harden({"audit"}).code(), 0);
	put("sys/module/privpipe_harden/exceptions", "/web\n");
	EXPECT_EQ(harden({"enforce"}).code(), 0);
	expect_status(0, "in_force");
	EXPECT_EQ(harden({"enforce"}).code(), 0);
	EXPECT_EQ(content("ran"), "modprobe privpipe_harden mode=audit\n"
				  "rmmod privpipe_harden\n"
				  "modprobe privpipe_harden mode=enforce\n");
	EXPECT_EQ(content("sys/module/privpipe_harden/exceptions"), "+/web");
}

TEST_F(Harden, StartsAsTheConfigurationSays)
{
	loaded("audit"); // by hand
	EXPECT_EQ(harden({"start"}).code(), 0);
	expect_status(0, "in_force");
	fs::remove_all(path("sys/kernel/livepatch/privpipe_harden"));
	put("etc", "mode=off");
	const Outcome end = harden({"start"});
	EXPECT_EQ(end.code(), 3);
	EXPECT_TRUE(end.out.starts_with("off: the kernel command line")) << end.out;
}

TEST_F(Harden, SaysWhyItCannotBeLoaded)
{
	put("refuse", "");
	put("dev/kmsg", "");
	Outcome end = harden({"enforce"});
	EXPECT_EQ(end.code(), 1);
	EXPECT_TRUE(end.complains_of("pipes share pages: privpipe_harden can't be loaded"));
	put("lib/modules/" + kernel + "/modules.dep", "");
	end = harden({"start"});
	EXPECT_EQ(end.code(), 6);
	EXPECT_TRUE(end.complains_of("there is no privpipe_harden for this kernel"));
}

TEST_F(Harden, GivesUpOnTasksThatDoNotChangeOver)
{
	livepatch("1", "1");
	put("proc/7/task/8/patch_state", "0\n");
	put("proc/7/task/8/comm", "slow\n");
	EXPECT_TRUE(harden({"enforce"})
			    .complains_of(
				    "after 1 seconds these tasks have not left the "
				    "functions that are replaced (kill -9 ends those that nothing "
				    "else wakes): slow[8]"));
	put("proc/7/task/8/patch_state", "1\n");
	const Outcome end = harden({"off"}); // here nothing makes the livepatch go
	EXPECT_EQ(end.code(), 1);
	EXPECT_TRUE(end.complains_of("these tasks have not left its functions (kill -9 ends those "
				     "that nothing else wakes): slow[8]"))
		<< end.err;
	EXPECT_EQ(content("sys/kernel/livepatch/privpipe_harden/enabled"), "0\n");
}

// Every key that DKMS has ever made has the same name.
TEST_F(Harden, PointsAtTheKeyIfTheKernelRefusesTheModule)
{
	put("sys/module/module/parameters/sig_enforce", "Y\n");
	put("signer", "DKMS module signing key\n");
	put("proc/keys", "0 .builtin_trusted_keys: 1\n0 DKMS module signing key: 1\n");
	put("refuse", "");
	EXPECT_TRUE(harden({"enforce"}).complains_of("mokutil --test-key"));
}

TEST_F(Harden, NoticesThatSomebodyElseHasLoadedIt)
{
	program("modprobe", "mkdir -p sys/module/privpipe_harden/parameters\n"
			    "echo audit >sys/module/privpipe_harden/parameters/mode\n");
	const Outcome outcome = harden({"enforce"});
	EXPECT_EQ(outcome.code(), 1);
	EXPECT_TRUE(outcome.complains_of("its mode is not enforce")) << outcome.err;
}

TEST_F(Harden, PassesExceptionsOn)
{
	EXPECT_TRUE(
		harden({"except", "add", "/web"}).complains_of("privpipe_harden is not loaded"));
	loaded("audit");
	put("sys/module/privpipe_harden/exceptions", "");
	EXPECT_EQ(harden({"except", "add", "/sys/fs/cgroup/web"}).code(), 0);
	EXPECT_EQ(content("sys/module/privpipe_harden/exceptions"), "+/web");
	EXPECT_EQ(harden({"except", "remove", "/web"}).code(), 0);
	EXPECT_EQ(content("sys/module/privpipe_harden/exceptions"), "-/web");
	put("sys/module/privpipe_harden/exceptions", "/web\n/backup\n");
	EXPECT_EQ(harden({"except", "list"}).out, "/web\n/backup\n");
	expect_status(4, "exception: /web\nexception: /backup\n");
}

TEST_F(Harden, WantsACommand)
{
	for (const std::vector<std::string> &words :
	     {std::vector<std::string>{}, {"on"}, {"status", "now"}, {"except", "add"}})
		EXPECT_EQ(harden(words).code(), 2);
}
