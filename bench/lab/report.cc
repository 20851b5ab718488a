// SPDX-License-Identifier: GPL-2.0
// Turns what the lab measured (JSON lines on stdin) into tables in Markdown.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>
#include <vector>

namespace {

using Samples = std::vector<double>;

struct Arm {
	std::string name;
	Samples ns;	// of each round, for 4 KiB
	double taken_percent;
};

struct Case {
	std::string title;
	std::string path;
	std::string cache;
	double chunk;
	std::vector<Arm> arms;
};

// What the project promises: @arm runs at @least times the rate of @against.
struct Target {
	std::string path;
	std::string cache;
	double chunk;	// calls of this size and larger
	std::string arm;
	std::string against;
	double least;
};

const Target targets[] = {
	{"read", "hot", 65536, "private", "stock", 1.0},
	{"read", "hot", 65536, "private", "copy", 1.3},
	{"read", "hot", 65536, "private", "readwrite", 1.15},
	{"null", "hot", 65536, "private", "limit", 0.95},
	{"discard", "cold", 65536, "take", "stock", 0.9},
	{"discard", "cold", 65536, "take", "copy", 2.0},
	{"file", "hot", 65536, "private", "copy", 1.2},
	{"discard", "hot", 1048576, "sendfile-direct", "sendfile", 1.8},
	{"read", "hot", 1048576, "sendfile-direct", "sendfile", 1.15},
	{"read", "hot", 65536, "sendfile-private", "sendfile", 0.95},
};

// The value of a member, as it is written; the lab nests nothing but one array.
std::string member(const std::string& line, const std::string& name)
{
	auto at = line.find("\"" + name + "\":");
	if (at == std::string::npos)
		return "";
	at += name.size() + 3;
	if (line[at] == '"')
		return line.substr(at + 1, line.find('"', at + 1) - at - 1);
	const char* end = line[at] == '[' ? "]" : ",}";
	return line.substr(at, line.find_first_of(end, at) - at);
}

double number(const std::string& line, const std::string& name)
{
	return std::strtod(member(line, name).c_str(), nullptr);
}

double median(Samples samples)
{
	std::sort(samples.begin(), samples.end());
	return samples[samples.size() / 2];
}

double quartile(Samples samples, int which)
{
	std::sort(samples.begin(), samples.end());
	return samples[(samples.size() - 1) * which / 4];
}

std::string size(double bytes)
{
	return bytes < 1048576 ? std::to_string(int(bytes / 1024)) + " KiB"
			       : std::to_string(int(bytes / 1048576)) + " MiB";
}

Arm parse_arm(const std::string& line)
{
	Arm arm{member(line, "arm"), {}, 0};
	const std::string ns = member(line, "ns");
	const double scale = 4096 / number(line, "bytes");
	for (const char* at = ns.c_str(); *at;) {
		char* end;
		arm.ns.push_back(std::strtod(at + 1, &end) * scale);
		at = end;
	}
	const double taken = number(line, "taken"), copied = number(line, "copied");
	if (taken + copied > 0)
		arm.taken_percent = 100 * taken / (taken + copied);
	return arm;
}

std::string title(const std::string& line)
{
	std::string file = member(line, "file");
	file.erase(0, sizeof("/mnt/") - 1);
	const std::map<std::string, std::string> ends = {
		{"null", "/dev/null"},
		{"read", "TCP, the reader copies out"},
		{"discard", "TCP, the reader discards"},
		{"file", "file"},
	};
	const auto end = ends.find(member(line, "path"));
	return "file (" + file.substr(0, file.find('/')) + ", " + member(line, "cache") + ", " +
	       size(number(line, "size")) + ") -> pipe -> " +
	       (end == ends.end() ? member(line, "path") : end->second) + ", calls of " +
	       size(number(line, "chunk")) + ", pipes of " + size(number(line, "ring"));
}

// How fast an arm is next to another: the pairs of each round.
Samples rates(const Case& all, const std::string& name, const std::string& against)
{
	const auto find = [&all](const std::string& wanted) {
		return std::find_if(all.arms.begin(), all.arms.end(),
				    [&](const Arm& arm) { return arm.name == wanted; });
	};
	const auto arm = find(name), other = find(against);
	Samples pairs;
	if (arm != all.arms.end() && other != all.arms.end())
		for (size_t i = 0; i < arm->ns.size(); i++)
			pairs.push_back(other->ns[i] / arm->ns[i]);
	return pairs;
}

void print_rate(const Samples& pairs)
{
	if (pairs.empty())
		std::printf(" |");
	else
		std::printf(" %.2f (%.2f to %.2f) |", median(pairs), quartile(pairs, 1),
			    quartile(pairs, 3));
}

// Every target in every case that it speaks of.
void print_targets(const std::vector<Case>& cases)
{
	int count = 0, met = 0;
	std::printf("\n## Targets\n\n| case | | against | at least | measured | |\n");
	std::printf("|---|---|---|--:|--:|---|\n");
	for (const Case& one : cases) {
		for (const Target& target : targets) {
			if (one.path != target.path || one.cache != target.cache ||
			    one.chunk < target.chunk)
				continue;
			const Samples pairs = rates(one, target.arm, target.against);
			if (pairs.empty())
				continue;
			const bool good = median(pairs) >= target.least;
			count++;
			met += good;
			std::printf("| %s | %s | %s | %.2f |", one.title.c_str(), target.arm.c_str(),
				    target.against.c_str(), target.least);
			print_rate(pairs);
			std::printf(" %s |\n", good ? "met" : "**missed**");
		}
	}
	std::printf("\nlab: %d targets, %d met\n", count, met);
}

void print_case(const Case& all)
{
	std::printf("\n## %s\n\n", all.title.c_str());
	std::printf("| | ns for 4 KiB | least | most | rate against stock | against limit | taken |\n");
	std::printf("|---|--:|--:|--:|--:|--:|--:|\n");
	for (const Arm& arm : all.arms) {
		const auto [least, most] = std::minmax_element(arm.ns.begin(), arm.ns.end());
		std::printf("| %s | %.0f | %.0f | %.0f |", arm.name.c_str(), median(arm.ns), *least, *most);
		print_rate(rates(all, arm.name, "stock"));
		print_rate(rates(all, arm.name, "limit"));
		std::printf(" %.0f %% |\n", arm.taken_percent);
	}
}

} // namespace

int main()
{
	std::vector<Case> cases;
	std::vector<std::string> failed;
	for (std::string line; std::getline(std::cin, line);) {
		if (!member(line, "failed").empty()) {
			failed.push_back(member(line, "failed"));
			continue;
		}
		if (cases.empty() || cases.back().title != title(line))
			cases.push_back({title(line), member(line, "path"), member(line, "cache"),
					 number(line, "chunk"), {}});
		cases.back().arms.push_back(parse_arm(line));
	}
	for (const Case& one : cases)
		print_case(one);
	print_targets(cases);
	for (const std::string& what : failed)
		std::printf("\nFAILED: %s\n", what.c_str());
	return cases.empty() || !failed.empty();
}
