// SPDX-License-Identifier: GPL-2.0
// Turns what the lab measured (JSON lines on stdin) into lab.json, tables.md and lab.svg in the
// folder that is the argument.
#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <vector>

namespace {

using Samples = std::vector<double>;

struct Arm {
	std::string name;
	Samples ns;                                       // of each round, for 4 KiB
	double taken = 0, copied = 0, read = 0, held = 0; // bytes
};

struct Case {
	std::string title, path, fs, cache;
	double chunk, ring, pipes, size;
	std::vector<Arm> arms;

	const Arm *find(const std::string &name) const
	{
		for (const Arm &arm : arms)
			if (arm.name == name)
				return &arm;
		return nullptr;
	}
};

// What runs at which rate, and next to what.
struct Rivals {
	std::string arm, against;
};

// What the project promises: that the module's arm, and the series' where there is one, runs at
// @least times the rate of its rival.
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

std::string text(const char *format, ...)
{
	char buffer[512];
	va_list args;
	va_start(args, format);
	std::vsnprintf(buffer, sizeof(buffer), format, args);
	va_end(args);
	return buffer;
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

// A median, and between what it lies with a certainty of 95 %.
struct Middle {
	double median, low, high;

	explicit Middle(Samples s)
	{
		std::sort(s.begin(), s.end());
		const auto n = s.size();
		const auto rank = std::max(0.0, n / 2.0 - 0.98 * std::sqrt(n));
		median = s[n / 2];
		low = s[size_t(rank)];
		high = s[n - 1 - size_t(rank)];
	}
	bool equal() const { return low <= 1 && 1 <= high; }
	std::string print() const
	{
		return text("%.2f (%.2f to %.2f)%s", median, low, high, equal() ? " =" : "");
	}
};

std::string title(const Case &one)
{
	const std::string file =
		"file (" + one.fs + ", " + one.cache + ", " + size(one.size) + ") -> pipe -> ";
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
	       (one.pipes > 1 ? text("%.0f pipes of ", one.pipes) : "pipes of ") + size(one.ring);
}

// Adds an arm of one boot to what was measured in other boots.
void add(std::vector<Case> &cases, const std::string &line)
{
	const std::string file = member(line, "file"),
			  fs = file.substr(std::min(file.size(), sizeof("/mnt/") - 1));
	Case found{"",
		   member(line, "path"),
		   fs.substr(0, fs.find('/')),
		   member(line, "cache"),
		   number(line, "chunk"),
		   number(line, "ring"),
		   number(line, "pipes"),
		   number(line, "size"),
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

// How fast an arm is next to another: the pairs of each round.
Samples rates(const Case &one, const std::string &name, const std::string &against)
{
	const Arm *arm = one.find(name), *other = one.find(against);
	Samples pairs;
	if (arm && other)
		for (size_t i = 0; i < std::min(arm->ns.size(), other->ns.size()); i++)
			pairs.push_back(other->ns[i] / arm->ns[i]);
	return pairs;
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

// Every target in every case that it speaks of. What is equal to its rival counts as 1.
void print_targets(std::ostream &out, const std::vector<Case> &cases)
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
		if (one.pipes > 1)
			continue;
		for (const auto who : {&Target::module, &Target::series})
			for (const Target &t : targets) {
				const auto &[arm, against] = t.*who;
				const Samples pairs = rates(one, arm, against);
				if (!t.is_for(one) || pairs.empty())
					continue;
				const Middle middle(pairs);
				met += judge(one,
					     text("%s %.2f of %s", arm.c_str(), t.least,
						  against.c_str()),
					     (middle.equal() ? 1 : middle.median) >= t.least,
					     middle.print());
			}
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
			    << text("\"size\": %.0f, \"chunk\": %.0f, \"ring\": %.0f, \"pipes\": "
				    "%.0f, ",
				    one.size, one.chunk, one.ring, one.pipes)
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

// One line for each case: how fast the others are next to stock, on a logarithmic scale.
void print_plot(std::ostream &out, const std::vector<Case> &cases)
{
	const std::pair<const char *, const char *> arms[] = {
		{"private", "#0057b7"},         {"private-gift", "#00a0e0"}, {"take", "#2e8b57"},
		{"sendfile-direct", "#7b3fa0"}, {"copy", "#c0392b"},         {"harden", "#d858a0"},
		{"readwrite", "#e08e0b"},       {"series", "#111111"},       {"limit", "#888888"},
	};
	const double left = 620, width = 500, top = 78, row = 34, apart = 3.4;
	const auto x = [&](double r) {
		return left + width * (std::log2(std::clamp(r, 1 / 16.0, 8.0)) + 4) / 7;
	};
	const double bottom = top + row * cases.size();
	out << text("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
		    "font-family=\"sans-serif\" "
		    "font-size=\"11\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n"
		    "<text x=\"10\" y=\"18\" font-size=\"14\">Rate against the stock way, 1 = as "
		    "fast, right = faster "
		    "(bars: 95 %% of the median)</text>\n",
		    left + width + 20, bottom + 30);
	double at = 10;
	for (const auto &[name, colour] : arms) {
		out << text("<circle cx=\"%.0f\" cy=\"36\" r=\"5\" fill=\"%s\"/><text x=\"%.0f\" "
			    "y=\"40\">%s</text>\n",
			    at + 5, colour, at + 14, name);
		at += 120;
	}
	// Each case has a stripe, in which its arms lie one below the other.
	for (size_t i = 0; i < cases.size(); i += 2)
		out << text("<rect x=\"0\" y=\"%.0f\" width=\"100%%\" height=\"%.0f\" "
			    "fill=\"#f4f4f4\"/>\n",
			    top + row * i, row);
	for (double r = 1 / 16.0; r <= 8; r *= 2) {
		out << text("<line x1=\"%.1f\" y1=\"%.0f\" x2=\"%.1f\" y2=\"%.0f\" stroke=\"%s\"/>",
			    x(r), top, x(r), bottom, r == 1 ? "black" : "#cccccc");
		for (double y : {top - 8, bottom + 16})
			out << text("<text x=\"%.1f\" y=\"%.0f\" "
				    "text-anchor=\"middle\">%g</text>\n",
				    x(r), y, r);
	}
	double middle = top + row / 2;
	for (const Case &one : cases) {
		std::string label = one.title;
		for (size_t i; (i = label.find('>')) != std::string::npos;)
			label.replace(i, 1, "&gt;");
		out << text("<text x=\"10\" y=\"%.0f\">", middle + 4) << label << "</text>\n";
		std::vector<std::pair<Middle, const char *>> points;
		for (const auto &[name, colour] : arms)
			if (const Samples pairs = rates(one, name, "stock"); !pairs.empty())
				points.emplace_back(Middle(pairs), colour);
		double y = middle - apart * (points.size() - 1.0) / 2;
		for (const auto &[m, colour] : points) {
			out << text("<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" "
				    "stroke=\"%s\" stroke-width=\"1.5\"/>"
				    "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n",
				    x(m.low), y, x(m.high), y, colour, x(m.median), y, colour);
			y += apart;
		}
		middle += row;
	}
	out << "</svg>\n";
}

} // namespace

int main(int, char **argv)
{
	const std::string folder = argv[1];
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
	std::ofstream json(folder + "/lab.json"), tables(folder + "/tables.md"),
		plot(folder + "/lab.svg");
	for (const Case &one : cases)
		print_case(tables, one);
	print_targets(tables, cases);
	print_json(json, cases);
	print_plot(plot, cases);
	return cases.empty() || failed;
}
