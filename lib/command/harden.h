// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <spawn.h>
#include <string>
#include <vector>

/** What privpipe_harden(4) does on this machine, as exit statuses of privpipe(1). */
enum class Hardening {
	in_force = 0,
	off = 3,
	audit = 4,
	changing = 5,
	not_built = 6,
	not_signed = 7,
};

constexpr Hardening all_hardenings[] = {Hardening::in_force,  Hardening::off,
					Hardening::audit,     Hardening::changing,
					Hardening::not_built, Hardening::not_signed};

/** @return the name of a state: one word */
const char *name_of(Hardening state);

/** How often a program took a path into a pipe in audit mode. */
struct ProgramCalls {
	std::uint64_t calls;
	std::string path;
	std::string program;
};

struct HardenStatus {
	Hardening state;
	std::string reason; ///< a sentence without a full stop
	std::string fix;    ///< what an administrator can do about it, or nothing
	std::string kernel; ///< its release
	// These are empty unless root asks.
	std::vector<std::string> tasks; ///< that have not changed over: "NAME[NUMBER]"
	std::vector<ProgramCalls> programs;
	std::vector<std::string> exceptions; ///< cgroups
};

/** privpipe_harden(4) on a machine. */
class HardenModule {
public:
	/** @param sysroot the directory that contains /sys, /proc, /lib and so on */
	explicit HardenModule(std::string sysroot) : root_(std::move(sysroot)) {}

	[[nodiscard]] HardenStatus status() const;

	/**
	 * Changes the mode and waits until every task has changed over. The exceptions stay.
	 *
	 * @param mode "enforce", "audit", "off", or "" for what the kernel command line and
	 *        modprobe.d say
	 * @param limit how long to wait
	 * @return nothing, or an error message
	 */
	[[nodiscard]] std::expected<void, std::string> change(const std::string &mode,
							      std::chrono::seconds limit) const;

	/** @return the mode that the module was loaded with, or nothing if it is not loaded */
	[[nodiscard]] std::optional<std::string> mode() const;

	/** @param change "+/CGROUP" or "-/CGROUP" @return nothing, or an error message */
	[[nodiscard]] std::expected<void, std::string> except(const std::string &change) const;

	/** @return the cgroups that are exceptions, or an error message */
	[[nodiscard]] std::expected<std::vector<std::string>, std::string> exceptions() const;

private:
	[[nodiscard]] std::string module(const std::string &file) const;
	[[nodiscard]] std::string livepatch(const std::string &file) const;
	[[nodiscard]] std::string file_for(const std::string &release) const;
	[[nodiscard]] std::vector<std::string> tasks() const;
	[[nodiscard]] std::vector<ProgramCalls> programs() const;
	[[nodiscard]] bool signatures_are_enforced() const;
	[[nodiscard]] bool signature_is_missing(const std::string &file) const;
	void explain_loaded(HardenStatus &status, const std::string &mode) const;
	void explain_missing(HardenStatus &status) const;
	void explain_not_loaded(HardenStatus &status) const;

	[[nodiscard]] bool enabled() const;
	[[nodiscard]] bool hardened() const;
	[[nodiscard]] std::expected<void, std::string> load(const std::string &mode) const;
	[[nodiscard]] std::expected<void, std::string> enable(std::chrono::seconds limit) const;
	[[nodiscard]] std::expected<void, std::string> unload(std::chrono::seconds limit) const;

	std::string root_;
};

/** @return the first line of a file, or nothing if it can't be read */
std::optional<std::string> first_line(const std::string &path);

/**
 * Runs a program of kmod, without a shell, which may have a program of that name in itself.
 *
 * @param actions on its standard streams, or null
 * @return whether it succeeds
 */
bool succeeds(std::vector<std::string> words, const posix_spawn_file_actions_t *actions = nullptr);

/** @return the lines of a file; none if it can't be read */
std::vector<std::string> lines_of(const std::string &path);
