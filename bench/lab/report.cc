// SPDX-License-Identifier: GPL-2.0
// Turns the lab's figures (JSON lines on stdin) into lab.json, tables.md and lab.svg in the
// folder that is the first argument; the others are the names of series. summary.md is what opens
// the report.
#include "report.hh"

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>

namespace {

// An arm and the one that it is compared with.
struct Rivals {
	std::string arm, against;
};

// A promise: the module's arm, and each series' arm where there is one, run at @least times the
// rate of their rivals. "series" stands for the name of a series, see arm_of().
struct Target {
	std::string path, cache; // all of them if empty
	double from, to;         // bytes per call
	double least;
	Rivals module, series;

	bool is_for(const Case &one) const
	{
		return (path.empty() || path == one.path) &&
		       (cache.empty() || cache == one.cache) && from <= one.chunk &&
		       one.chunk <= to;
	}
};

constexpr double KiB = 1024, MiB = 1024 * KiB, any = 1024 * MiB;

// clang-format off
const Target targets[] = {
	{"read", "hot", 64 * KiB, any, 1.0, {"private", "stock"}, {"series", "stock"}},
	{"read", "hot", 64 * KiB, any, 1.3, {"private", "copy"}, {"series", "copy"}},
	{"read", "hot", 64 * KiB, any, 1.15, {"private", "readwrite"}, {"series", "series-readwrite"}},
	{"null", "hot", 64 * KiB, any, 0.95, {"private", "limit"}, {"series", "series-limit"}},
	{"discard", "cold", 64 * KiB, any, 0.9, {"take", "stock"}, {"series", "stock"}},
	{"discard", "cold", 64 * KiB, any, 2.0, {"take", "copy"}, {"series", "copy"}},
	{"file", "hot", 64 * KiB, any, 1.2, {"private", "copy"}, {"series", "copy"}},
	{"move", "hot", 4 * KiB, any, 1.0, {"private", "stock"}, {"series", "stock"}},
	{"pipe", "hot", 64, 4 * KiB, 0.98, {"private", "stock"}, {"series", "stock"}},
	{"pipe", "hot", 64 * KiB, any, 1.1, {"private", "stock"}, {"series", "stock"}},
	{"tee", "hot", 4 * KiB, any, 0.8, {"private", "stock"}, {"series", "stock"}},
	{"vmsplice", "hot", 64 * KiB, any, 1.0, {"private-gift", "stock"}, {"series-gift", "stock"}},
	{"discard", "hot", MiB, any, 1.8, {"sendfile-direct", "sendfile"}, {}},
	{"read", "hot", MiB, any, 1.15, {"sendfile-direct", "sendfile"}, {}},
	{"read", "hot", 64 * KiB, any, 0.95, {"sendfile-private", "sendfile"}, {}},
	{"web", "hot", 0, any, 0.95, {"auto", "private"}, {}},
	{"", "", 0, any, 1.0, {"harden", "copy"}, {}},
	{"", "", 0, any, 1.0, {"sendfile-harden", "sendfile-copy"}, {}},
	{"", "", 0, any, 1.0, {"harden", "write"}, {}},
	{"read", "hot", 64 * KiB, any, 1.3, {"harden", "copy"}, {}},
};
// clang-format on

// What a series' kernel adds to the arms is "+NAME" and "+NAME-ARM".
std::string arm_of(const std::string &series, const std::string &arm)
{
	return arm.starts_with("series") ? "+" + series + arm.substr(sizeof("series") - 1) : arm;
}

// The value of a member, as it is written; the lab nests nothing but one array.
std::string member(const std::string &line, const std::string &name)
{
	auto at = line.find("\"" + name + "\":");
	if (at == std::string::npos)
		return "";
	at += name.size() + 3;
	if (line[at] == '"')
		return line.substr(at + 1, line.find('"', at + 1) - at - 1);
	const char *end = line[at] == '[' ? "]" : ",}";
	return line.substr(at, line.find_first_of(end, at) - at);
}

std::string repeated(const char *what, size_t times)
{
	std::string all;

	while (times--)
		all += what;
	return all;
}

double number(const std::string &line, const std::string &name)
{
	return std::strtod(member(line, name).c_str(), nullptr);
}

std::string size(double bytes)
{
	return bytes < KiB   ? text("%.0f B", bytes)
	       : bytes < MiB ? text("%.0f KiB", bytes / KiB)
			     : text("%.0f MiB", bytes / MiB);
}

std::string title(const Case &one)
{
	const std::string file = "file (" + one.fs + ", " + one.cache + ", " + size(one.size) +
				 (one.folios ? ", folios up to " + size(one.folios) : "") +
				 ") -> pipe -> ";
	const std::map<std::string, std::string> paths = {
		{"null", file + "/dev/null"},
		{"read", file + "TCP, the reader copies out"},
		{"discard", file + "TCP, the reader discards"},
		{"file", file + "file"},
		{"web", "1,000 files by Zipf's law (" + one.fs + ", " + one.cache + ", " +
				size(one.size) + ") -> pipe -> TCP, the reader discards"},
		{"relay", "TCP -> pipe -> TCP, the reader copies out"},
		{"pipe", "write -> pipe -> read"},
		{"move", "pipe -> pipe, nothing else"},
		{"through", "write -> pipe -> pipe -> read"},
		{"tee", "pipe -> tee -> both sides read"},
		{"vmsplice", "memory -> vmsplice -> read"},
		{"produce", "memory, written anew each time -> vmsplice -> read"},
	};
	return paths.at(one.path) + ", calls of " + size(one.chunk) + ", " +
	       (one.pipes > 1 ? text("%.0f pipes of ", one.pipes) : "pipes of ") + size(one.ring) +
	       (one.tasks.empty() ? "" : one.tasks + ": " + one.time);
}

// The tasks of a case, if there are several.
std::string tasks(double pairs, bool apart)
{
	return (pairs > 1 ? text(", %.0f at once", pairs) : "") +
	       (apart ? ", the reader on another CPU" : "");
}

std::string time(const std::string &line, bool apart)
{
	const std::string what = member(line, "time");

	return what == "wall"     ? "wall time"
	       : what == "reader" ? "CPU time of the reader"
	       : apart            ? "CPU time of the sender"
				  : "CPU time";
}

// Adds an arm of one boot to the measurements of other boots.
void add(std::vector<Case> &cases, const std::string &line)
{
	const std::string file = member(line, "file"),
			  fs = file.substr(std::min(file.size(), sizeof("/mnt/") - 1));
	const bool apart = number(line, "apart") > 0;
	Case found{"",
		   member(line, "path"),
		   fs.substr(0, fs.find('/')),
		   member(line, "cache"),
		   number(line, "chunk"),
		   number(line, "ring"),
		   number(line, "pipes"),
		   number(line, "size"),
		   number(line, "folios"),
		   tasks(number(line, "pairs"), apart),
		   time(line, apart),
		   {}};
	found.title = title(found);
	auto at = std::find_if(cases.begin(), cases.end(),
			       [&](const Case &c) { return c.title == found.title; });
	if (at == cases.end())
		at = cases.insert(at, found);

	const std::string name = member(line, "arm"), ns = member(line, "ns");
	auto arm = std::find_if(at->arms.begin(), at->arms.end(),
				[&](const Arm &a) { return a.name == name; });
	if (arm == at->arms.end()) {
		at->arms.push_back({});
		arm = at->arms.end() - 1;
		arm->name = name;
	}
	for (const char *c = ns.c_str(); *c;) {
		char *end;
		arm->ns.push_back(std::strtod(c + 1, &end) * 4096 / number(line, "bytes"));
		c = end;
	}
	arm->taken += number(line, "taken");
	arm->copied += number(line, "copied");
	arm->read = std::max(arm->read, number(line, "read"));
	arm->held = number(line, "held");
}

std::string rate(const Case &one, const std::string &name, const std::string &against)
{
	const Samples pairs = rates(one, name, against);
	return pairs.empty() || name == against ? "" : Middle(pairs).print();
}

void print_case(std::ostream &out, const Case &one)
{
	out << "\n## " << one.title << "\n\n"
	    << "| | ns for 4 KiB | least | most | most / least | against stock | against limit | "
	       "taken | read | kept |\n"
	    << "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n";
	for (const Arm &arm : one.arms) {
		const auto [least, most] = std::minmax_element(arm.ns.begin(), arm.ns.end());
		out << text("| %s | %.0f | %.0f | %.0f | %.1f | ", arm.name.c_str(),
			    Middle(arm.ns).median, *least, *most, *most / *least)
		    << rate(one, arm.name, "stock") << " | " << rate(one, arm.name, "limit")
		    << " | "
		    << (arm.taken ? text("%.0f %%", 100 * arm.taken / (arm.taken + arm.copied))
				  : "")
		    << " | " << (arm.read ? size(arm.read) : "") << " | "
		    << (arm.held ? size(arm.held) : "") << " |\n";
	}
}

// The cases that answer "what does it cost me?".
struct Question {
	const char *answers;
	std::string path, fs, cache;
	double size, chunk;
};

// clang-format off
const Question questions[] = {
	{"a hot file to a network card", "discard", "tmpfs", "hot", 4 * MiB, 64 * KiB},
	{"the same, large pipe", "discard", "tmpfs", "hot", 4 * MiB, MiB},
	{"a hot file to a reader on this machine", "read", "ext4", "hot", 4 * MiB, 64 * KiB},
	{"the same, large pipe", "read", "tmpfs", "hot", 4 * MiB, MiB},
	{"a cold file to a network card", "discard", "ext4", "cold", 32 * MiB, 64 * KiB},
	{"a file to a file", "file", "tmpfs", "hot", 4 * MiB, 64 * KiB},
	{"a proxy: TCP to TCP", "relay", "", "", 0, 64 * KiB},
	{"tee", "tee", "", "", 0, 64 * KiB},
	{"vmsplice to a reader", "vmsplice", "", "", 0, 64 * KiB},
	{"a plain pipe, 4 KiB writes", "pipe", "", "", 0, 4 * KiB},
};
// clang-format on

// The questions that this run has an answer to, the dearest first.
void print_summary(std::ostream &out, const std::vector<Case> &cases, const Names &series)
{
	std::multimap<double, std::string> rows;
	std::vector<Rivals> columns = {
		{"private", "stock"}, {"private", "copy"}, {"harden", "stock"}, {"harden", "copy"}};

	for (const std::string &name : series)
		for (const char *against : {"stock", "copy"})
			columns.push_back({arm_of(name, "series"), against});

	for (const Question &q : questions) {
		const auto one = std::find_if(cases.begin(), cases.end(), [&](const Case &c) {
			return c.path == q.path && (q.fs.empty() || c.fs == q.fs) &&
			       (q.cache.empty() || c.cache == q.cache) &&
			       (!q.size || c.size == q.size) && c.chunk == q.chunk &&
			       c.pipes <= 1 && !c.folios && c.tasks.empty();
		});
		if (one == cases.end())
			continue;

		double worst = any;
		std::string row = text("| %s (%s a call) |", q.answers, size(q.chunk).c_str());

		for (const auto &[arm, against] : columns) {
			const Samples pairs = rates(*one, arm, against);

			if (pairs.empty()) {
				row += " |";
				continue;
			}
			const double rate = Middle(pairs).median;

			row += text(" %.2f |", rate);
			if (against == "stock")
				worst = std::min(worst, rate);
		}
		rows.emplace(worst, row);
	}
	out << "| what | module / stock | / always copy | livepatch / stock | / always copy |";
	for (const std::string &name : series)
		out << " " << name << " / stock | / always copy |";
	out << "\n|---" << repeated("|--:", columns.size()) << "|\n";
	for (const auto &[worst, row] : rows)
		out << row << "\n";
}

// Each target in each case that it applies to. An arm equal to its rival counts as 1.
void print_targets(std::ostream &out, const std::vector<Case> &cases, const Names &series)
{
	int count = 0;
	std::string missed;
	const auto judge = [&](const Case &one, const std::string &what, bool good,
			       const std::string &found) {
		count++;
		out << "| " << one.title << " | " << what << " | " << found << " | "
		    << (good ? "met" : "**missed**") << " |\n";
		if (!good)
			missed += "- " + one.title + ": " + what + ": " + found + "\n";
		return good;
	};
	int met = 0;
	out << "\n## Targets\n\n| case | at least | measured | |\n|---|---|---|---|\n";
	for (const Case &one : cases) {
		if (one.pipes > 1 || !one.tasks.empty())
			continue;
		const auto check = [&](const Target &t, const std::string &arm,
				       const std::string &against) {
			const Samples pairs = rates(one, arm, against);
			if (!t.is_for(one) || pairs.empty())
				return;
			const Middle middle(pairs);
			met += judge(
				one, text("%s %.2f of %s", arm.c_str(), t.least, against.c_str()),
				(middle.equal() ? 1 : middle.median) >= t.least, middle.print());
		};
		for (const Target &t : targets)
			check(t, t.module.arm, t.module.against);
		for (const std::string &name : series)
			for (const Target &t : targets)
				check(t, arm_of(name, t.series.arm),
				      arm_of(name, t.series.against));
		const Arm *stock = one.find("stock"), *cautious = one.find("auto");
		if (one.path == "web" && one.cache == "cold" && stock && cautious)
			met += judge(one, "auto reads no file from disk more than twice",
				     cautious->read <= 2 * stock->read,
				     size(cautious->read) + " against " + size(stock->read));
	}
	out << "\nlab: " << count << " targets, " << met << " met\n"
	    << (missed.empty() ? "" : "\nNot met:\n\n" + missed);
}

void print_json(std::ostream &out, const std::vector<Case> &cases)
{
	const char *between = "[\n";
	for (const Case &one : cases) {
		for (const Arm &arm : one.arms) {
			const auto [least, most] =
				std::minmax_element(arm.ns.begin(), arm.ns.end());
			out << between
			    << text("{\"path\": \"%s\", \"arm\": \"%s\", \"source\": \"%s\", "
				    "\"cache\": \"%s\", ",
				    one.path.c_str(), arm.name.c_str(), one.fs.c_str(),
				    one.cache.c_str())
			    << text("\"size\": %.0f, \"folios\": %.0f, \"chunk\": %.0f, \"ring\": "
				    "%.0f, \"pipes\": "
				    "%.0f, ",
				    one.size, one.folios, one.chunk, one.ring, one.pipes)
			    << text("\"tasks\": \"%s\", \"time\": \"%s\", ",
				    one.tasks.empty() ? "" : one.tasks.c_str() + 2,
				    one.time.c_str())
			    << text("\"rounds\": %zu, \"ns_per_4k\": {\"median\": %.1f, \"min\": "
				    "%.1f, \"max\": %.1f}, ",
				    arm.ns.size(), Middle(arm.ns).median, *least, *most)
			    << text("\"taken\": %.0f, \"copied\": %.0f, \"read\": %.0f, \"kept\": "
				    "%.0f}",
				    arm.taken, arm.copied, arm.read, arm.held);
			between = ",\n";
		}
	}
	out << "\n]\n";
}

} // namespace

int main(int argc, char **argv)
{
	const std::string folder = argv[1];
	const Names series(argv + 2, argv + argc);
	std::vector<Case> cases;
	bool failed = false;
	for (std::string line; std::getline(std::cin, line);) {
		if (const auto what = member(line, "failed"); !what.empty()) {
			std::cerr << "failed: " << what << "\n";
			failed = true;
		} else {
			add(cases, line);
		}
	}
	std::ofstream json(folder + "/lab.json"), summary(folder + "/summary.md"),
		tables(folder + "/tables.md"), plot(folder + "/lab.svg");
	print_summary(summary, cases, series);
	for (const Case &one : cases)
		print_case(tables, one);
	print_targets(tables, cases, series);
	print_json(json, cases);
	print_plot(plot, cases, series);
	return cases.empty() || failed;
}
