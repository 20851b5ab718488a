// SPDX-License-Identifier: MIT
// privpipe harden: see and change what privpipe_harden(4) does.

#include "harden.h"
#include "command.h"
#include "message.h"
#include "parse.h"

#include <cstdio>
#include <cstdlib>
#include <getopt.h>

namespace {

struct Options {
	bool json = false;
	std::string sysroot;
	std::chrono::seconds limit{60};
};

// As a JSON string; a byte that is not printable becomes the character of that number.
std::string as_json(const std::string &text)
{
	std::string result = "\"";

	for (const char c : text) {
		char escaped[8];
		const bool plain = c >= ' ' && c <= '~' && c != '"' && c != '\\';
		std::snprintf(escaped, sizeof(escaped), plain ? "%c" : "\\u%04x",
			      static_cast<unsigned char>(c));
		result += escaped;
	}
	return result + '"';
}

std::string array_of(const std::vector<std::string> &values)
{
	std::string text;

	for (const std::string &value : values)
		text += (text.empty() ? "" : ",") + value;
	return "[" + text + "]";
}

std::vector<std::string> all_as_json(std::vector<std::string> values)
{
	for (std::string &value : values)
		value = as_json(value);
	return values;
}

void show_json(const HardenStatus &status)
{
	std::vector<std::string> programs;

	for (const ProgramCalls &each : status.programs)
		programs.push_back("{\"program\":" + as_json(each.program) +
				   ",\"path\":" + as_json(each.path) +
				   ",\"calls\":" + std::to_string(each.calls) + "}");
	std::printf("{\"state\":\"%s\",\"status\":%d,\"kernel\":%s,\"reason\":%s,\"fix\":%s,"
		    "\"tasks\":%s,\"programs\":%s,\"exceptions\":%s}\n",
		    name_of(status.state), int(status.state), as_json(status.kernel).c_str(),
		    as_json(status.reason).c_str(), as_json(status.fix).c_str(),
		    array_of(all_as_json(status.tasks)).c_str(), array_of(programs).c_str(),
		    array_of(all_as_json(status.exceptions)).c_str());
}

void show(const HardenStatus &status)
{
	std::printf("%s: %s\n", name_of(status.state), status.reason.c_str());
	std::printf("kernel: %s\n", status.kernel.c_str());
	if (!status.fix.empty())
		std::printf("to do: %s\n", status.fix.c_str());
	for (const std::string &task : status.tasks)
		std::printf("waiting for: %s\n", task.c_str());
	for (const std::string &cgroup : status.exceptions)
		std::printf("exception: %s\n", cgroup.c_str());
	if (!status.programs.empty())
		std::printf("%12s  %-8s %s\n", "calls", "path", "program");
	for (const ProgramCalls &each : status.programs)
		std::printf("%12llu  %-8s %s\n", static_cast<unsigned long long>(each.calls),
			    each.path.c_str(), each.program.c_str());
}

int show_status(const HardenModule &module, const Options &options)
{
	const HardenStatus status = module.status();

	(options.json ? show_json : show)(status);
	if (std::fflush(stdout) != 0)
		return complain("cannot write 'standard output'", last_error());
	return int(status.state);
}

// Where the module for this kernel is the problem, the exit status says so.
int change_mode(const HardenModule &module, const std::string &mode, const Options &options)
{
	if (const auto changed = module.change(mode, options.limit); !changed) {
		const HardenStatus status = module.status();
		complain(changed.error());
		if (status.state != Hardening::not_built && status.state != Hardening::not_signed)
			return 1;
		complain(status.reason + ": " + status.fix);
		return int(status.state);
	}
	// The unit is active only while pipes get copies, whatever the configuration says.
	const int state = show_status(module, options);
	return mode.empty() ? state : 0;
}

// Paths are those in /proc/PID/cgroup; a shell completes those below /sys/fs/cgroup.
std::string cgroup_of(const std::string &path)
{
	constexpr std::string_view mount = "/sys/fs/cgroup/";

	return path.starts_with(mount) ? path.substr(mount.size() - 1) : path;
}

int except(const HardenModule &module, const std::vector<std::string> &words)
{
	if (words.size() == 2 && words[1] == "list") {
		const auto exceptions = module.exceptions();
		if (!exceptions)
			return complain(exceptions.error());
		for (const std::string &cgroup : *exceptions)
			std::puts(cgroup.c_str());
		return 0;
	}
	if (words.size() == 3 && (words[1] == "add" || words[1] == "remove")) {
		const char *sign = words[1] == "add" ? "+" : "-";
		const auto changed = module.except(sign + cgroup_of(words[2]));
		return changed ? 0 : complain(changed.error());
	}
	print_usage(stderr, "harden");
	return usage_error;
}

int run(const std::vector<std::string> &words, const Options &options)
{
	const HardenModule module(options.sysroot);

	if (words.size() == 1) {
		if (words[0] == "status")
			return show_status(module, options);
		if (words[0] == "start")
			return change_mode(module, "", options);
		if (words[0] == "audit" || words[0] == "enforce" || words[0] == "off")
			return change_mode(module, words[0], options);
	}
	if (!words.empty() && words[0] == "except")
		return except(module, words);
	print_usage(stderr, "harden");
	return usage_error;
}

} // namespace

int harden_command(int argc, char **argv)
{
	static const option long_options[] = {
		{"json", no_argument, nullptr, 'j'},
		{"sysroot", required_argument, nullptr, 's'},
		{"help", no_argument, nullptr, 'h'},
		{},
	};
	Options options;
	const char *limit = std::getenv("LIMIT");

	for (int c; (c = ::getopt_long(argc, argv, "h", long_options, nullptr)) != -1;) {
		if (c == 'j') {
			options.json = true;
		} else if (c == 's') {
			options.sysroot = optarg;
		} else {
			print_usage(c == 'h' ? stdout : stderr, "harden");
			return c == 'h' ? 0 : usage_error;
		}
	}
	if (limit) {
		const auto seconds = parse_seconds(limit);
		if (!seconds)
			return complain("invalid time '" + std::string(limit) + "'"), usage_error;
		options.limit = std::chrono::duration_cast<std::chrono::seconds>(*seconds);
	}
	return run({argv + optind, argv + argc}, options);
}
