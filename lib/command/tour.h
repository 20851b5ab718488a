// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <string>

/** Prints the steps of the demo and counts its claims. */
class Tour {
public:
	/**
	 * Goes through one step.
	 *
	 * @param title one line
	 * @param story describes the step in plain words; each line ends with a newline
	 * @param body  carries out the step; an exception counts as a failed claim
	 */
	void step(const std::string &title, const std::string &story,
		  const std::function<void()> &body);

	/** Prints the names of the two columns. */
	void head(const std::string &stock, const std::string &private_pipe);

	/** Prints an observation on either side. */
	void row(const std::string &what, const std::string &stock,
		 const std::string &private_pipe);

	/** Prints a single observation. */
	void note(const std::string &what, const std::string &seen);

	/** Prints whether a claim holds. */
	void claim(bool holds, const std::string &text);

	/**
	 * Prints the verdict.
	 *
	 * @param why_stock printed when a claim that begins with "stock: " does not hold
	 * @return the exit status
	 */
	int finish(const std::string &why_stock = {});

private:
	bool table_ = false; // the line above belongs to a table
	int steps_ = 0;
	int claims_ = 0;
	int failed_ = 0;
	bool stock_failed_ = false; // a claim about stock pipes
};
