// SPDX-License-Identifier: GPL-2.0
#include "stress/shrink.hh"

#include <algorithm>
#include <chrono>

namespace {

using Fails = std::function<bool(const Program &)>;

class Shrinker {
public:
	Shrinker(Program program, const Fails &fails) : program_(std::move(program)), fails_(fails)
	{
	}

	Program run()
	{
		for (size_t size = program_.size() / 2; size; size /= 2)
			drop_pieces(size);
		while (drop_pieces(1))
			;
		simplify();
		return program_;
	}

private:
	bool time_is_over() const { return std::chrono::steady_clock::now() > deadline_; }

	bool adopt(Program candidate)
	{
		if (time_is_over() || !fails_(candidate))
			return false;
		program_ = std::move(candidate);
		return true;
	}

	/* Leaves pieces of @size operations out, from the end to the beginning. */
	bool drop_pieces(size_t size)
	{
		bool dropped = false;

		for (size_t end = program_.size(); end > 0; end -= std::min(end, size)) {
			Program candidate = program_;
			auto from = candidate.begin() +
				    static_cast<ptrdiff_t>(end - std::min(end, size));

			candidate.erase(from, candidate.begin() + static_cast<ptrdiff_t>(end));
			dropped |= !candidate.empty() && adopt(std::move(candidate));
			end = std::min(end, program_.size());
		}
		return dropped;
	}

	/* Gives fields their plainest value, where that changes nothing. */
	void simplify()
	{
		for (size_t i = 0; i < program_.size(); i++) {
			const auto plain = {+[](Op &op) { op.segments = 1; },
					    +[](Op &op) { op.fault = no_fault; },
					    +[](Op &op) { op.native = 0; },
					    +[](Op &op) { op.flags = 0; },
					    +[](Op &op) { op.data = 0; },
					    +[](Op &op) { op.off_in = no_offset; },
					    +[](Op &op) { op.off_out = no_offset; },
					    +[](Op &op) { op.len = 1; },
					    +[](Op &op) { op.len = op.len / 4096 * 4096; }};

			for (auto change : plain) {
				Program candidate = program_;

				change(candidate[i]);
				if (!(candidate[i] == program_[i]))
					adopt(std::move(candidate));
			}
		}
	}

	Program program_;
	const Fails &fails_;
	std::chrono::steady_clock::time_point deadline_ =
		std::chrono::steady_clock::now() + std::chrono::seconds(60);
};

} // namespace

Program shrink(Program program, const Fails &fails)
{
	return Shrinker(std::move(program), fails).run();
}
