// SPDX-License-Identifier: MIT
#include "tour.h"

#include <cstdio>
#include <exception>

void Tour::step(const std::string &title, const std::string &story,
		const std::function<void()> &body)
{
	std::printf("\n%d. %s\n\n%s\n", ++steps_, title.c_str(), story.c_str());
	try {
		body();
	} catch (const std::exception &error) {
		claim(false, std::string("this step failed: ") + error.what());
	}
	// Show each step as soon as it is done.
	std::fflush(stdout);
}

void Tour::head(const std::string &stock, const std::string &private_pipe)
{
	row("", stock, private_pipe);
}

void Tour::row(const std::string &what, const std::string &stock, const std::string &private_pipe)
{
	std::printf("   %-36s %-18s %s\n", what.c_str(), stock.c_str(), private_pipe.c_str());
	table_ = true;
}

void Tour::note(const std::string &what, const std::string &seen)
{
	std::printf("   %-36s %s\n", what.c_str(), seen.c_str());
	table_ = true;
}

void Tour::claim(bool holds, const std::string &text)
{
	if (table_)
		std::putchar('\n');
	table_ = false;
	++claims_;
	failed_ += !holds;
	stock_failed_ = stock_failed_ || (!holds && text.starts_with("stock: "));
	std::printf("   %-6s  %s\n", holds ? "ok" : "FAILED", text.c_str());
}

int Tour::finish(const std::string &why_stock)
{
	if (stock_failed_)
		std::printf("\n%s\n", why_stock.c_str());
	std::printf("\ndemo: %d claims, %d failed\n", claims_, failed_);
	return failed_ ? 1 : 0;
}
