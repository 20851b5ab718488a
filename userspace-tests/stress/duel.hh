/* SPDX-License-Identifier: GPL-2.0 */
/* Runs a program on a stock pipe and on another backend, and compares all that can be seen. */
#pragma once

#include "stress/stock.hh"

#include <atomic>
#include <optional>

class Duel {
public:
	explicit Duel(Backend &tested) : tested_(tested) {}

	StockSide &stock() { return stock_; }

	void restart();
	/** Runs @op in both worlds; returns the difference. */
	std::optional<std::string> step(const Op &op);
	/** Runs @program from the beginning; returns the number of operations that passed. */
	size_t run(const Program &program, std::string *difference);
	/** Whether the last difference was that the stock pipe moved less than it could. */
	bool stock_was_short() const { return stock_was_short_; }
	/** The operation that run() is at, for another thread that watches. */
	size_t at() const { return at_; }

private:
	/* Knowledge of a pipe that no call can tell. */
	struct Known {
		/* The worlds may have used a different number of slots for the same bytes. */
		bool vague = false;
		/* There may be packets in it. */
		bool packets = false;
	};

	bool prepare(const Op &op);
	void settle(int pipe);
	std::optional<std::string> compare(const Op &op, const Outcome &stock,
					   const Outcome &tested);
	std::optional<std::string> compare_vmsplice(const Op &op, const Outcome &stock,
						    const Outcome &tested);
	std::optional<std::string> compare_pipes(const Op &op);
	void learn(const Op &op, const Outcome &stock);

	StockSide stock_;
	World tested_;
	std::array<Known, pipes> known_;
	std::optional<std::string> found_; /* while settling */
	bool stock_was_short_ = false;
	std::atomic<size_t> at_ = 0;
};
