// SPDX-License-Identifier: MIT
// Changing what privpipe_harden(4) does. A livepatch can be enabled only when its module is loaded,
// and the mode is given then, so to change the mode is to load the module again. In between pipes
// share pages, as they do in audit mode and when the module is off: nothing is given up, and no
// call notices.

#include "harden.h"
#include "message.h"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <privpipe/privpipe.hpp>
#include <thread>
#include <unistd.h>

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using privpipe::Fd;

namespace {

// What the module writes to the kernel's log from now on.
class KernelLog {
public:
	explicit KernelLog(const std::string &path)
		: fd_(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC))
	{
		::lseek(fd_.get(), 0, SEEK_END);
	}

	// @return what it has written, each line behind a blank
	std::string text()
	{
		std::array<char, 8192> record;
		std::string found;

		for (;;) {
			const ssize_t size = ::read(fd_.get(), record.data(), record.size());
			if (size <= 0 && errno != EPIPE) // EPIPE: some were overwritten
				return found;
			const std::string line(record.data(),
					       std::size_t(std::max<ssize_t>(size, 0)));
			const auto at = line.find(";privpipe_harden: ");
			if (at != line.npos)
				found += " " + line.substr(at + 1, line.find('\n') - at - 1);
			if (size == 0)
				return found;
		}
	}

private:
	Fd fd_;
};

std::expected<void, std::string> write_text(const std::string &path, const std::string &text)
{
	const Fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));

	if (file.get() < 0 || ::write(file.get(), text.data(), text.size()) != ssize_t(text.size()))
		return failed("cannot write", path, last_error());
	return {};
}

bool within(std::chrono::seconds limit, const std::function<bool()> &condition)
{
	const auto deadline = std::chrono::steady_clock::now() + limit;

	while (!condition()) {
		if (std::chrono::steady_clock::now() >= deadline)
			return false;
		std::this_thread::sleep_for(100ms);
	}
	return true;
}

std::string list(const std::vector<std::string> &words)
{
	std::string text;

	for (const std::string &word : words)
		text.append(" ").append(word);
	return text;
}

} // namespace

std::expected<void, std::string> HardenModule::load(const std::string &mode) const
{
	std::vector<std::string> command{"modprobe", "privpipe_harden"};
	KernelLog log(root_ + "/dev/kmsg");

	if (!mode.empty())
		command.push_back("mode=" + mode);
	if (succeeds(command))
		return {};
	// An old key of DKMS's has the same name as the present one.
	const std::string hint = signatures_are_enforced()
					 ? " This kernel takes only modules signed with a key that "
					   "it knows: see mokutil "
					   "--test-key /var/lib/dkms/mok.pub"
					 : "";
	return std::unexpected("pipes share pages: privpipe_harden can't be loaded." + log.text() +
			       hint);
}

// Waits for the livepatch that was just loaded, or that somebody has begun to disable.
std::expected<void, std::string> HardenModule::enable(std::chrono::seconds limit) const
{
	if (first_line(livepatch("enabled")) == "0")
		if (auto written = write_text(livepatch("enabled"), "1"); !written)
			return written;
	if (within(limit, [&] { return hardened(); }))
		return {};
	return std::unexpected("some pipes still share pages: after " +
			       std::to_string(limit.count()) +
			       " seconds these tasks have not left the functions that are replaced "
			       "(kill -9 ends those that nothing else wakes):" +
			       list(tasks()));
}

std::expected<void, std::string> HardenModule::unload(std::chrono::seconds limit) const
{
	const std::string after =
		"privpipe_harden stays: after " + std::to_string(limit.count()) + " seconds ";

	const bool disabled = within(limit, [&] {
		// The livepatch refuses this for moments; when it is disabled, its directory goes.
		if (enabled())
			static_cast<void>(write_text(livepatch("enabled"), "0"));
		return !fs::exists(livepatch(""));
	});
	if (!disabled)
		return std::unexpected(after +
				       "these tasks have not left its functions (kill -9 ends "
				       "those that nothing else wakes):" +
				       list(tasks()));
	// The livepatch core lets go of the module a moment later.
	if (!within(limit, [&] { return first_line(module("refcnt")).value_or("0") == "0"; }))
		return std::unexpected(after + "something uses it");
	if (fs::exists(module("")) && !succeeds({"rmmod", "privpipe_harden"}))
		return std::unexpected("privpipe_harden stays: it can't be removed");
	return {};
}

std::expected<void, std::string> HardenModule::change(const std::string &mode,
						      std::chrono::seconds limit) const
{
	const auto before = this->mode();
	const std::vector<std::string> kept = lines_of(module("exceptions"));

	if (before == "enforce" && (mode == "enforce" || mode.empty()) && fs::exists(livepatch("")))
		return enable(limit);
	if (before == "audit" && mode == "audit")
		return {};
	if (before)
		if (auto unloaded = unload(limit); !unloaded)
			return unloaded;
	if (mode == "off")
		return {};
	if (auto loaded = load(mode); !loaded)
		return loaded;
	if (!mode.empty() && this->mode() != mode)
		return std::unexpected("somebody else has loaded privpipe_harden meanwhile: "
				       "its mode is not " +
				       mode);
	for (const std::string &cgroup : kept)
		if (auto added = except("+" + cgroup); !added)
			complain(added.error());
	return this->mode() == "enforce" ? enable(limit) : std::expected<void, std::string>();
}

std::expected<void, std::string> HardenModule::except(const std::string &change) const
{
	if (!mode())
		return std::unexpected("privpipe_harden is not loaded");
	if (!write_text(module("exceptions"), change))
		return failed("cannot change the exception", change.substr(1), last_error());
	return {};
}

std::expected<std::vector<std::string>, std::string> HardenModule::exceptions() const
{
	const std::string path = module("exceptions");

	if (mode() && ::access(path.c_str(), R_OK) < 0)
		return failed("cannot read", path, last_error());
	return lines_of(path);
}
