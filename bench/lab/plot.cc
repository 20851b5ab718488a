// SPDX-License-Identifier: GPL-2.0
// The picture of a run of the lab: a stripe for each case, in which its arms lie one below the
// other, on a logarithmic scale.
#include "report.hh"

#include <utility>

namespace {

using Colours = std::vector<std::pair<std::string, const char *>>;

const Colours arms = {
	{"private", "#0057b7"},         {"private-gift", "#00a0e0"}, {"take", "#2e8b57"},
	{"sendfile-direct", "#7b3fa0"}, {"copy", "#c0392b"},         {"harden", "#d858a0"},
	{"readwrite", "#e08e0b"},       {"limit", "#888888"},
};
constexpr const char *for_series[] = {"#111111", "#8b4513", "#7a8b00", "#00897b"};
constexpr double left = 620, width = 500, top = 78, row = 34, apart = 3.4;

double x(double rate)
{
	return left + width * (std::log2(std::clamp(rate, 1 / 16.0, 8.0)) + 4) / 7;
}

void print_legend(std::ostream &out, const Colours &all)
{
	double at = 10;

	for (const auto &[name, colour] : all) {
		out << text("<circle cx=\"%.0f\" cy=\"36\" r=\"5\" fill=\"%s\"/>"
			    "<text x=\"%.0f\" y=\"40\">%s</text>\n",
			    at + 5, colour, at + 14, name.c_str());
		at += 102;
	}
}

void print_grid(std::ostream &out, size_t cases)
{
	const double bottom = top + row * double(cases);

	for (size_t i = 0; i < cases; i += 2)
		out << text("<rect x=\"0\" y=\"%.0f\" width=\"100%%\" height=\"%.0f\" "
			    "fill=\"#f4f4f4\"/>\n",
			    top + row * double(i), row);
	for (double r = 1 / 16.0; r <= 8; r *= 2) {
		out << text("<line x1=\"%.1f\" y1=\"%.0f\" x2=\"%.1f\" y2=\"%.0f\" stroke=\"%s\"/>",
			    x(r), top, x(r), bottom, r == 1 ? "black" : "#cccccc");
		for (double y : {top - 8, bottom + 16})
			out << text("<text x=\"%.1f\" y=\"%.0f\" "
				    "text-anchor=\"middle\">%g</text>\n",
				    x(r), y, r);
	}
}

void print_stripe(std::ostream &out, const Case &one, const Colours &all, double middle)
{
	std::string label = one.title;

	for (size_t i; (i = label.find('>')) != std::string::npos;)
		label.replace(i, 1, "&gt;");
	out << text("<text x=\"10\" y=\"%.0f\">", middle + 4) << label << "</text>\n";

	std::vector<std::pair<Middle, const char *>> points;

	for (const auto &[name, colour] : all)
		if (const Samples pairs = rates(one, name, "stock"); !pairs.empty())
			points.emplace_back(Middle(pairs), colour);

	double y = middle - apart * (double(points.size()) - 1) / 2;

	for (const auto &[m, colour] : points) {
		out << text("<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" "
			    "stroke=\"%s\" stroke-width=\"1.5\"/>"
			    "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n",
			    x(m.low), y, x(m.high), y, colour, x(m.median), y, colour);
		y += apart;
	}
}

} // namespace

void print_plot(std::ostream &out, const std::vector<Case> &cases, const Names &series)
{
	Colours all = arms;

	for (size_t i = 0; i < series.size(); i++)
		all.emplace_back("+" + series[i], for_series[i % std::size(for_series)]);
	out << text("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
		    "font-family=\"sans-serif\" font-size=\"11\">\n"
		    "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n"
		    "<text x=\"10\" y=\"18\" font-size=\"14\">Rate against the stock way, 1 = as "
		    "fast, right = faster (bars: 95 %% of the median)</text>\n",
		    left + width + 20, top + row * double(cases.size()) + 30);
	print_legend(out, all);
	print_grid(out, cases.size());
	for (size_t i = 0; i < cases.size(); i++)
		print_stripe(out, cases[i], all, top + row * (double(i) + 0.5));
	out << "</svg>\n";
}
