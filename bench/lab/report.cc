// SPDX-License-Identifier: GPL-2.0
// Turns the lab's figures (JSON lines on stdin) into lab.json, tables.md and lab.svg in the
// folder that is the first argument; the others are the names of series. summary.md is what opens
// the report, letter.txt the table of the cover letters.
#include "report.hh"

#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>

namespace {

constexpr double KiB = 1024, MiB = 1024 * KiB, any = 1024 * MiB;

// The arms that do the same: one of each column of the summary, and stock's. A series' arm has the
// name that it has on the stock kernel.
struct Way {
	std::string module, livepatch, copy, series, stock;

	std::string arm(const std::string &who) const
	{
		if (who == "module")
			return module;
		if (who == "livepatch")
			return livepatch;
		if (who == "copy")
			return copy;
		// What a series' kernel adds to the arms is "+NAME" and "+NAME-ARM".
		return "+" + who +
		       (series == "stock"              ? ""
			: series.starts_with("stock-") ? series.substr(5)
						       : "-" + series);
	}
};

// Paths to a network card, where pages of a cold file can be taken.
const Names to_card{"discard", "slow"};

const Way spliced{"private", "harden", "copy", "stock", "stock"};
const Way taken{"take", "harden", "copy", "stock-take", "stock"};
const Way settled{"auto", "harden", "copy", "stock-take", "stock"};
const Way given{"private-gift", "harden", "copy", "stock", "stock"};
const Way sent{"sendfile-private", "sendfile-harden", "sendfile-copy", "sendfile", "sendfile"};

// What a target applies to.
bool alone(const Case &one)
{
	return one.tasks.empty() && one.pipes <= 1;
}

bool hot(const Case &one)
{
	return alone(one) && one.cache == "hot";
}

bool cold(const Case &one)
{
	return alone(one) && one.cache == "cold";
}

bool large_folios(const Case &one)
{
	return hot(one) && !one.folios && one.fs != "tmpfs";
}

bool single_pages(const Case &one)
{
	return hot(one) && !large_folios(one);
}

bool small_file(const Case &one)
{
	return hot(one) && one.size <= 64 * KiB;
}

bool thousand(const Case &one)
{
	return one.pipes == 1000;
}

bool by_wall(const Case &one)
{
	return one.tasks.empty() || one.time == "wall time";
}

// A promise: @who runs at @least times the rate of an arm of the stock kernel. The numbers are
// those of docs/bench.md.
struct Target {
	int number;
	Names who;   // "module", "livepatch", how names of series begin
	Names paths; // all of them if empty
	bool (*applies)(const Case &one);
	double from, to; // bytes per call
	double least;
	const Way &way;
	std::string against;

	bool is_for(const Case &one) const
	{
		return (paths.empty() || std::ranges::count(paths, one.path)) && applies(one) &&
		       from <= one.chunk && one.chunk <= to;
	}
};

const std::string every; // series

// clang-format off
const Target targets[] = {
	{1, {"radical"}, {"discard"}, large_folios, MiB, MiB, 1.8, sent, "sendfile"},
	{2, {"radical"}, {"discard"}, single_pages, MiB, MiB, 1.2, sent, "sendfile"},
	{2, {"radical"}, {"read"}, large_folios, MiB, MiB, 1.15, sent, "sendfile"},
	{3, {"radical", "private"}, {"read", "discard"}, small_file, 0, any, 0.98, sent, "sendfile"},
	{4, {"module", "steal"}, {"read"}, hot, 16 * KiB, 256 * KiB, 1.0, spliced, "stock"},
	{5, {"module", "steal"}, {"read"}, hot, MiB, MiB, 0.9, spliced, "stock"},
	{6, {"module", "steal"}, {"discard"}, hot, 64 * KiB, 64 * KiB, 0.8, spliced, "stock"},
	{7, {"private"}, {"read"}, hot, 16 * KiB, 256 * KiB, 0.85, spliced, "stock"},
	{7, {"private"}, {"read"}, hot, 16 * KiB, 256 * KiB, 1.0, spliced, "copy"},
	{7, {"private"}, {"discard"}, hot, 64 * KiB, 64 * KiB, 0.6, spliced, "stock"},
	{7, {"private"}, {"discard"}, hot, 64 * KiB, 64 * KiB, 1.0, spliced, "copy"},
	{8, {"module", every}, {"pipe"}, by_wall, 0, any, 1.0, spliced, "stock"},
	{9, {"module", every}, {"tee", "move", "relay"}, alone, 0, any, 1.0, spliced, "stock"},
	{10, {"module", every}, {"vmsplice", "send"}, alone, 64 * KiB, 64 * KiB, 0.8, given, "stock"},
	{10, {"module", every}, {"vmsplice", "send"}, alone, 64 * KiB, 64 * KiB, 1.3, given, "write"},
	{11, {"module", "steal"}, to_card, cold, 0, any, 1.0, taken, "stock"},
	{11, {"module", "steal"}, to_card, cold, 0, any, 1.3, taken, "copy"},
	{12, {"module", every}, {"read"}, thousand, 64 * KiB, 64 * KiB, 0.9, spliced, "stock"},
	{14, {"livepatch"}, {"read", "discard"}, hot, 64 * KiB, any, 1.15, spliced, "copy"},
	{14, {"livepatch"}, {}, alone, 0, any, 1.0, spliced, "copy"},
	{14, {"livepatch"}, {}, alone, 0, any, 1.0, sent, "sendfile-copy"},
	{16, {"module"}, {"read"}, hot, 64 * KiB, any, 1.15, spliced, "readwrite"},
	{17, {"module"}, {"read"}, hot, 64 * KiB, any, 0.95, sent, "sendfile"},
	{18, {"module"}, {"web"}, hot, 0, any, 0.95, settled, "private"},
};
// clang-format on

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
	const std::string source = "file (" + one.fs + ", " + one.cache + ", " + size(one.size) +
				   (one.folios ? ", folios up to " + size(one.folios) : "") + ")",
			  file = source + " -> pipe -> ";
	const std::map<std::string, std::string> paths = {
		{"null", file + "/dev/null"},
		{"read", file + "TCP, the reader copies out"},
		{"discard", file + "TCP, the reader discards"},
		{"slow", file + "TCP, a slow reader discards"},
		{"file", file + "file"},
		{"web", "1,000 files by Zipf's law (" + one.fs + ", " + one.cache + ", " +
				size(one.size) + ") -> pipe -> TCP, the reader discards"},
		{"cat", file + "read"},
		{"nfs", "file (ext4, hot, " + size(one.size) + ") -> NFS server -> client, read"},
		{"relay", "TCP -> pipe -> TCP, the reader copies out"},
		{"pipe", "write -> pipe -> read"},
		{"move", "pipe -> pipe, nothing else"},
		{"through", "write -> pipe -> pipe -> read"},
		{"tee", "pipe -> tee -> both sides read"},
		{"vmsplice", "memory -> vmsplice -> read"},
		{"produce", "memory, written anew each time -> vmsplice -> read"},
		{"send", "memory -> vmsplice -> TCP, the reader copies out"},
		{"pin-splice", source + " -> splice -> full pipe"},
		{"pin-tee", source + " -> splice -> pipe -> tee -> full pipe"},
		{"pin-vmsplice", "memory -> vmsplice -> full pipe"},
		{"pin-write", "write -> full pipe"},
	};
	const std::string pipes =
		", " + (one.pipes > 1 ? text("%.0f pipes of ", one.pipes) : "pipes of ") +
		size(one.ring);

	return paths.at(one.path) + ", calls of " + size(one.chunk) +
	       (one.path == "nfs" ? "" : pipes) +
	       (one.tasks.empty() ? "" : one.tasks + ": " + one.time);
}

// The tasks of a case, if there are several.
std::string tasks(double writers, double readers, bool apart, bool shared)
{
	if (shared && writers == readers)
		return text(", %.0f writers and as many readers of one pipe", writers);
	if (shared)
		return text(", %.0f writer%s and %.0f reader%s of one pipe", writers,
			    writers > 1 ? "s" : "", readers, readers > 1 ? "s" : "");
	return (writers > 1 ? text(", %.0f at once", writers) : "") +
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
		   tasks(number(line, "writers"), number(line, "readers"), apart,
			 number(line, "shared") > 0),
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
	arm->pinned = std::max(arm->pinned, number(line, "pinned"));
	arm->largest = std::max(arm->largest, number(line, "largest"));
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

std::string kib(double bytes)
{
	return text("%.0f KiB", bytes / KiB);
}

// The memory of full pipes.
void print_pins(std::ostream &out, const std::vector<Case> &pins)
{
	out << "\n## Memory that a full pipe pins\n\n"
	    << "| | | pinned | of its capacity | largest folio | kept |\n"
	    << "|---|---|--:|--:|--:|--:|\n";
	for (const Case &one : pins)
		for (const Arm &arm : one.arms)
			out << "| " << one.title << " | " << arm.name << " | " << kib(arm.pinned)
			    << text(" | %.2f | ", arm.pinned / one.ring) << kib(arm.largest)
			    << " | " << (arm.held ? kib(arm.held) : "") << " |\n";
}

// The cases that answer "what does it cost me?": in the summary, and, in fewer words, in the cover
// letters.
struct Question {
	const char *answers; // empty: only in the letters
	const char *brief;
	const Way &way;
	std::string path, fs, cache;
	double size, chunk;
	std::string tasks{};

	bool is_for(const Case &one) const
	{
		return one.path == path && one.fs == fs && one.cache == cache && one.size == size &&
		       one.chunk == chunk && one.tasks == tasks && by_wall(one) && one.pipes <= 1 &&
		       !one.folios;
	}
};

// clang-format off
const Question questions[] = {
	{"sendfile of a hot file to a network card", "sendfile, discarded", sent, "discard", "ext4", "hot", 128 * MiB, MiB},
	{"sendfile of a hot file to a network card", "sendfile, discarded", sent, "discard", "ext4", "hot", 4 * MiB, 64 * KiB},
	{"splice of a hot file to a network card", "splice, discarded", spliced, "discard", "ext4", "hot", 4 * MiB, 64 * KiB},
	{"splice of a hot file to a reader on this machine", "splice, copied", spliced, "read", "ext4", "hot", 128 * MiB, MiB},
	{"splice of a hot file to a reader on this machine", "splice, copied", spliced, "read", "ext4", "hot", 4 * MiB, 64 * KiB},
	{"splice of a cold file to a network card, taking pages", "splice, not cached, discarded", taken, "discard", "ext4", "cold", 32 * MiB, 64 * KiB},
	{"a plain pipe", "write and read", spliced, "pipe", "", "hot", 0, 4 * KiB},
	{"a plain pipe, the reader on another CPU", "write and read, two CPUs", spliced, "pipe", "", "hot", 0, 64 * KiB, ", the reader on another CPU"},
	{"tee", "tee", spliced, "tee", "", "hot", 0, 64 * KiB},
	{"vmsplice to a reader", "vmsplice to a reader", spliced, "vmsplice", "", "hot", 0, 64 * KiB},
	{"", "splice to /dev/null", spliced, "null", "ext4", "hot", 4 * MiB, 64 * KiB},
	{"", "splice, discarded", spliced, "discard", "ext4", "hot", 128 * MiB, MiB},
	{"", "sendfile, copied", sent, "read", "ext4", "hot", 128 * MiB, MiB},
	{"", "sendfile, copied", sent, "read", "ext4", "hot", 4 * MiB, 64 * KiB},
	{"", "sendfile of a small file, discarded", sent, "discard", "ext4", "hot", 4 * KiB, 4 * KiB},
	{"", "sendfile of a small file, discarded", sent, "discard", "ext4", "hot", 64 * KiB, 64 * KiB},
	{"", "sendfile, not cached, discarded", sent, "discard", "ext4", "cold", 32 * MiB, 64 * KiB},
	{"", "splice, not cached, discarded", taken, "discard", "ext4", "cold", 32 * MiB, MiB},
	{"", "sendfile, slow reader", sent, "slow", "ext4", "hot", 4 * MiB, 64 * KiB},
	{"", "sendfile, tmpfs to tmpfs", sent, "file", "tmpfs", "hot", 4 * MiB, 64 * KiB},
	{"", "NFS, client and server", spliced, "nfs", "nfs", "cold", 8 * MiB, 64 * KiB},
	{"", "TCP to TCP", spliced, "relay", "", "hot", 0, 64 * KiB},
	{"", "pipe to pipe", spliced, "through", "", "hot", 0, 64 * KiB},
	{"", "write and read", spliced, "pipe", "", "hot", 0, 64},
	{"", "write and read", spliced, "pipe", "", "hot", 0, 64 * KiB},
	{"", "splice, copied, two CPUs", spliced, "read", "tmpfs", "hot", 4 * MiB, 64 * KiB, ", the reader on another CPU"},
	{"", "sendfile, copied, two CPUs", sent, "read", "tmpfs", "hot", 4 * MiB, 64 * KiB, ", the reader on another CPU"},
	{"", "sendfile, copied, two CPUs", sent, "read", "ext4", "hot", 128 * MiB, MiB, ", the reader on another CPU"},
	{"", "splice, copied, two at once", spliced, "read", "tmpfs", "hot", 4 * MiB, 64 * KiB, ", 2 at once"},
	{"", "sendfile, copied, two at once", sent, "read", "tmpfs", "hot", 4 * MiB, 64 * KiB, ", 2 at once"},
};
// clang-format on

// Rows of rates, with the worst of ours as their key.
using Rows = std::multimap<double, std::string>;

// add_row() adds one if this run has an answer. Its cells are @format of a rate, or @none.
void add_row(Rows &rows, const Question &q, const std::string &what, const std::vector<Case> &cases,
	     const Names &columns, const char *format, const char *none)
{
	const auto one = std::ranges::find_if(cases, [&](const Case &c) { return q.is_for(c); });
	if (one == cases.end())
		return;

	double worst = any;
	std::string row = what;

	for (const std::string &who : columns) {
		const Samples pairs = rates(*one, q.way.arm(who), q.way.stock);

		if (pairs.empty()) {
			row += none;
			continue;
		}
		const double rate = Middle(pairs).median;

		row += text(format, rate);
		if (who != "copy")
			worst = std::min(worst, rate);
	}
	rows.emplace(worst, row + "\n");
}

void print_summary(std::ostream &out, const std::vector<Case> &cases, const Names &series)
{
	Rows rows;
	Names columns = {"module", "livepatch", "copy"};

	columns.insert(columns.end(), series.begin(), series.end());
	for (const Question &q : questions)
		if (*q.answers)
			add_row(rows, q,
				text("| %s (%s a call) |", q.answers, size(q.chunk).c_str()), cases,
				columns, " %.2f |", " |");
	out << "| what | module | livepatch | always copy |";
	for (const std::string &name : series)
		out << " " << name << " |";
	out << "\n|---" << repeated("|--:", columns.size()) << "|\n";
	for (const auto &[worst, row] : rows)
		out << row;
}

// For the cover letters of the series.
void print_letter(std::ostream &out, const std::vector<Case> &cases, const Names &series)
{
	Rows rows;
	Names columns = {"copy"};

	columns.insert(columns.end(), series.begin(), series.end());
	for (const Question &q : questions)
		add_row(rows, q, text("  %-35s%7s", q.brief, size(q.chunk).c_str()), cases, columns,
			"%8.2f", "       -");
	out << text("  %-42s%8s", "the rate, compared with stock", "copy");
	for (const std::string &name : series)
		out << text("%8s", name.c_str());
	out << "\n";
	for (const auto &[worst, row] : rows)
		out << row;
}

// Whom a target is for.
Names parties(const Names &who, const Names &series)
{
	Names all;

	for (const std::string &one : who)
		if (one == "module" || one == "livepatch")
			all.push_back(one);
		else
			std::ranges::copy_if(series, std::back_inserter(all),
					     [&](auto &name) { return name.starts_with(one); });
	return all;
}

// The rows of the table of targets, and who meets how many.
class Verdicts {
public:
	void judge(int number, const std::string &who, const Case &one, const std::string &what,
		   bool good, const std::string &found)
	{
		Count &count = counts[who][number];

		rows.emplace(number, text("| %d | ", number) + one.title + " | " + what + " | " +
					     found + " | " + (good ? "met" : "**missed**") + " |");
		count.met += good;
		count.all++;
	}

	void print_rows(std::ostream &out) const
	{
		out << "\n## Targets\n\n| | case | at least | measured | |\n"
		       "|--:|---|---|---|---|\n";
		for (const auto &[number, row] : rows)
			out << row << "\n";
		out << "\n";
	}

	// A target is met if it is met in each case.
	void print_count(std::ostream &out, const std::string &who) const
	{
		Count targets, all;
		std::string missed;

		if (!counts.contains(who))
			return;
		for (const auto &[number, count] : counts.at(who)) {
			all.met += count.met;
			all.all += count.all;
			targets.met += count.met == count.all;
			targets.all++;
			if (count.met < count.all)
				missed += text("%s %d (%d of %d)", missed.empty() ? ":" : ",",
					       number, count.all - count.met, count.all);
		}
		out << text("- %s: %d of %d targets met, in %d of %d rows", who.c_str(),
			    targets.met, targets.all, all.met, all.all)
		    << (missed.empty() ? "" : "; missed in" + missed) << "\n";
	}

private:
	struct Count {
		int met = 0, all = 0;
	};

	std::multimap<int, std::string> rows;
	std::map<std::string, std::map<int, Count>> counts;
};

// What can't be told from the target counts as met, unless that is because all is noise.
void judge_rate(Verdicts &verdicts, const Target &t, const std::string &who, const Case &one)
{
	const std::string arm = t.way.arm(who);
	const Samples pairs = rates(one, arm, t.against);

	if (!t.is_for(one) || pairs.empty())
		return;
	const Middle middle(pairs);
	const bool met = middle.median >= t.least ||
			 (middle.high >= t.least && middle.high - middle.low <= 0.1);
	verdicts.judge(t.number, who, one,
		       text("%s %.2f of %s", arm.c_str(), t.least, t.against.c_str()), met,
		       middle.print());
}

// Target 11: who takes pages reads them from disk once, but for what a file system reads besides.
void judge_reads(Verdicts &verdicts, const std::string &who, const Case &one)
{
	const Arm *stock = one.find("stock"), *arm = one.find(taken.arm(who));

	if (std::ranges::count(to_card, one.path) && cold(one) && stock && arm)
		verdicts.judge(11, who, one, arm->name + " reads no more from disk than stock",
			       arm->read <= 1.02 * stock->read,
			       size(arm->read) + " against " + size(stock->read));
}

// Target 13: two at once gain what they gain on the stock kernel.
void judge_scaling(Verdicts &verdicts, const std::string &who, const Case &two,
		   const std::vector<Case> &cases)
{
	const std::string arm = spliced.arm(who);
	const auto one = std::ranges::find_if(cases, [&](const Case &c) {
		return alone(c) && c.path == two.path && c.fs == two.fs && c.cache == two.cache &&
		       c.chunk == two.chunk && c.size == two.size && c.folios == two.folios;
	});
	if (two.tasks != tasks(2, 2, false, false) || !by_wall(two) || one == cases.end())
		return;
	const Samples both = rates(two, arm, "stock"), single = rates(*one, arm, "stock");
	if (both.empty() || single.empty())
		return;
	const double by_two = Middle(both).median, by_one = Middle(single).median;
	verdicts.judge(13, who, two, arm + " against stock 0.95 of what it is for one",
		       by_two / by_one >= 0.95,
		       text("%.2f: %.2f, and %.2f for one", by_two / by_one, by_two, by_one));
}

// Whether an arm puts bytes into the pipes that @who changes.
bool changes(const std::string &who, const std::string &arm)
{
	const Names module = {"private", "private-gift", "auto", "take"};

	if (who == "module")
		return std::ranges::count(module, arm) > 0;
	if (who == "livepatch")
		return arm == "harden";
	return arm == "+" + who || arm.starts_with("+" + who + "-");
}

// Target 15: a pipe pins no more than its capacity and one folio, the largest that was in it.
void judge_memory(Verdicts &verdicts, const std::string &who, const Case &one)
{
	for (const Arm &arm : one.arms)
		if (changes(who, arm.name))
			verdicts.judge(15, who, one,
				       arm.name + " pins up to " + kib(one.ring + arm.largest),
				       arm.pinned <= one.ring + arm.largest, kib(arm.pinned));
}

// Each target in each case that it applies to.
void print_targets(std::ostream &out, const std::vector<Case> &cases, const std::vector<Case> &pins,
		   const Names &series)
{
	Verdicts verdicts;

	for (const Target &t : targets)
		for (const std::string &who : parties(t.who, series))
			for (const Case &one : cases)
				judge_rate(verdicts, t, who, one);
	for (const std::string &who : parties({"module", "steal"}, series))
		for (const Case &one : cases)
			judge_reads(verdicts, who, one);
	for (const std::string &who : parties({"module", every}, series))
		for (const Case &two : cases)
			judge_scaling(verdicts, who, two, cases);
	for (const std::string &who : parties({"module", "livepatch", every}, series))
		for (const Case &one : pins)
			judge_memory(verdicts, who, one);
	verdicts.print_rows(out);
	for (const std::string &who : parties({"module", "livepatch", every}, series))
		verdicts.print_count(out, who);
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
				    "%.0f, \"pinned\": %.0f, \"largest\": %.0f}",
				    arm.taken, arm.copied, arm.read, arm.held, arm.pinned,
				    arm.largest);
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
		letter(folder + "/letter.txt"), tables(folder + "/tables.md"),
		plot(folder + "/lab.svg");
	print_json(json, cases);
	failed |= cases.empty();

	const auto rest = std::ranges::stable_partition(cases, std::not_fn(&Case::pins));
	const std::vector<Case> pins(rest.begin(), rest.end());
	cases.erase(rest.begin(), rest.end());
	print_summary(summary, cases, series);
	print_letter(letter, cases, series);
	for (const Case &one : cases)
		print_case(tables, one);
	if (!pins.empty())
		print_pins(tables, pins);
	print_targets(tables, cases, pins, series);
	print_plot(plot, cases, series);
	return failed;
}
