// SPDX-License-Identifier: MIT
// What privpipe_harden(4) does on this machine, and why it does no more.

#include "harden.h"

#include <algorithm>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <privpipe/privpipe.hpp>
#include <sstream>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

namespace fs = std::filesystem;

namespace {

std::string release_of_kernel()
{
	utsname name{};

	::uname(&name);
	return name.release;
}

bool contains(const std::vector<std::string> &lines, const std::string &text)
{
	return std::ranges::any_of(lines, [&](const std::string &line) {
		return line.find(text) != std::string::npos;
	});
}

// A task can give itself any name, also one that a terminal would obey.
std::string printable(std::string name)
{
	std::ranges::replace_if(
		name, [](unsigned char c) { return c < ' ' || c > '~'; }, '?');
	return name;
}

// The owner of the key that a module was signed with; modinfo knows compressed modules, too.
std::string signer_of(const std::string &file)
{
	const privpipe::Fd output(::memfd_create("modinfo", MFD_CLOEXEC));
	posix_spawn_file_actions_t actions;

	::posix_spawn_file_actions_init(&actions);
	::posix_spawn_file_actions_adddup2(&actions, output.get(), STDOUT_FILENO);
	::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	const bool known = succeeds({"modinfo", "-F", "signer", file}, &actions);
	::posix_spawn_file_actions_destroy(&actions);
	const std::string written = "/proc/self/fd/" + std::to_string(output.get());
	return known ? first_line(written).value_or("") : "";
}

} // namespace

bool succeeds(std::vector<std::string> words, const posix_spawn_file_actions_t *actions)
{
	std::vector<char *> argv;
	pid_t pid;
	int status;

	for (std::string &word : words)
		argv.push_back(word.data());
	argv.push_back(nullptr);
	const char *path = std::getenv("PATH");
	::setenv("PATH", (std::string(path ? path : "/bin:/usr/bin") + ":/usr/sbin:/sbin").c_str(),
		 1);
	return ::posix_spawnp(&pid, argv[0], actions, nullptr, argv.data(), environ) == 0 &&
	       ::waitpid(pid, &status, 0) == pid && status == 0;
}

std::optional<std::string> first_line(const std::string &path)
{
	std::ifstream file(path);
	std::string line;

	if (!std::getline(file, line))
		return {};
	return line;
}

std::vector<std::string> lines_of(const std::string &path)
{
	std::ifstream file(path);
	std::vector<std::string> lines;

	for (std::string line; std::getline(file, line);)
		lines.push_back(line);
	return lines;
}

const char *name_of(Hardening state)
{
	switch (state) {
	case Hardening::in_force:
		return "in_force";
	case Hardening::off:
		return "off";
	case Hardening::audit:
		return "audit";
	case Hardening::changing:
		return "changing";
	case Hardening::not_built:
		return "not_built";
	case Hardening::not_signed:
		return "not_signed";
	}
	return "unknown";
}

std::string HardenModule::module(const std::string &file) const
{
	return root_ + "/sys/module/privpipe_harden/" + file;
}

std::string HardenModule::livepatch(const std::string &file) const
{
	return root_ + "/sys/kernel/livepatch/privpipe_harden/" + file;
}

std::optional<std::string> HardenModule::mode() const
{
	return first_line(module("parameters/mode"));
}

bool HardenModule::enabled() const
{
	return first_line(livepatch("enabled")) == "1";
}

bool HardenModule::hardened() const
{
	return enabled() && first_line(livepatch("transition")) == "0";
}

// Where modprobe would find the module.
std::string HardenModule::file_for(const std::string &release) const
{
	const std::string directory = root_ + "/lib/modules/" + release + "/";

	for (const std::string &line : lines_of(directory + "modules.dep")) {
		const std::string file = line.substr(0, line.find(':'));
		if (fs::path(file).filename().string().starts_with("privpipe_harden.ko"))
			return directory + file;
	}
	return {};
}

// The tasks that are on the other side of a transition.
std::vector<std::string> HardenModule::tasks() const
{
	const std::string before = enabled() ? "0" : "1";
	std::vector<std::string> found;
	std::error_code error;

	for (fs::directory_iterator process(root_ + "/proc", error), end; process != end;
	     process.increment(error)) {
		std::error_code gone;
		for (fs::directory_iterator task(process->path() / "task", gone); task != end;
		     task.increment(gone))
			if (first_line(task->path() / "patch_state") == before)
				found.push_back(
					printable(first_line(task->path() / "comm").value_or("")) +
					"[" + task->path().filename().string() + "]");
	}
	return found;
}

std::vector<ProgramCalls> HardenModule::programs() const
{
	std::vector<ProgramCalls> found;

	for (const std::string &line :
	     lines_of(root_ + "/sys/kernel/debug/privpipe_harden/programs")) {
		std::istringstream words(line);
		ProgramCalls program;
		if (words >> program.calls >> program.path &&
		    std::getline(words.ignore(), program.program))
			found.push_back(program);
	}
	std::ranges::stable_sort(found, std::greater(), &ProgramCalls::calls);
	return found;
}

bool HardenModule::signatures_are_enforced() const
{
	const auto lockdown = lines_of(root_ + "/sys/kernel/security/lockdown");

	return first_line(root_ + "/sys/module/module/parameters/sig_enforce") == "Y" ||
	       contains(lockdown, "[integrity]") || contains(lockdown, "[confidentiality]");
}

// Whether this kernel will not take the module, as far as the caller may know.
bool HardenModule::signature_is_missing(const std::string &file) const
{
	if (!signatures_are_enforced())
		return false;
	const std::string signer = signer_of(file);
	const auto keys = lines_of(root_ + "/proc/keys");
	// Only root sees the kernel's own keys.
	return signer.empty() ||
	       (contains(keys, ".builtin_trusted_keys") && !contains(keys, signer));
}

void HardenModule::explain_loaded(HardenStatus &status, const std::string &mode) const
{
	status.state = Hardening::off;
	if (mode == "audit") {
		status.state = Hardening::audit;
		status.reason = "pipes share pages; calls that would copy are counted";
		status.programs = programs();
	} else if (mode == "off") {
		status.reason = "the kernel command line or modprobe.d says mode=off";
		status.fix = "privpipe harden enforce";
	} else if (first_line(livepatch("transition")) == "1") {
		status.state = Hardening::changing;
		status.reason = enabled() ? "some tasks still share pages"
					  : "tasks go back to sharing pages";
		status.tasks = tasks();
	} else if (enabled()) {
		status.state = Hardening::in_force;
		status.reason = "pipes get copies";
	} else {
		status.reason = "somebody disabled the livepatch, or another one replaced it";
		status.fix = "privpipe harden enforce";
	}
}

void HardenModule::explain_missing(HardenStatus &status) const
{
	status.state = Hardening::not_built;
	status.reason = "there is no privpipe_harden for this kernel";
	if (!fs::exists(root_ + "/lib/modules/" + status.kernel + "/build"))
		status.fix = "apt-get install linux-headers-" + status.kernel;
	else if (fs::exists(root_ + "/var/lib/dkms/privpipe-harden"))
		status.fix = "dkms autoinstall; if that fails, make.log below "
			     "/var/lib/dkms/privpipe-harden says why";
	else
		status.fix = "install the package privpipe-harden-dkms";
}

void HardenModule::explain_not_loaded(HardenStatus &status) const
{
	const std::string file = file_for(status.kernel);

	if (!fs::exists(root_ + "/sys/kernel/livepatch")) {
		status.state = Hardening::not_built;
		status.reason = "this kernel is built without CONFIG_LIVEPATCH";
	} else if (file.empty()) {
		explain_missing(status);
	} else if (signature_is_missing(file)) {
		status.state = Hardening::not_signed;
		status.reason = "this kernel takes only modules signed with a key that it knows "
				"(Secure Boot, lockdown)";
		status.fix = "mokutil --import /var/lib/dkms/mok.pub; reboot, and enrol the key";
	} else {
		status.state = Hardening::off;
		status.reason = "the module is not loaded";
		status.fix = "privpipe harden enforce";
	}
}

HardenStatus HardenModule::status() const
{
	HardenStatus status{};

	status.kernel = release_of_kernel();
	if (const auto loaded = mode())
		explain_loaded(status, *loaded);
	else
		explain_not_loaded(status);
	status.exceptions = lines_of(module("exceptions"));
	return status;
}
