// SPDX-License-Identifier: GPL-2.0
#include "stress/program.hh"

#include <fcntl.h>

#include <array>
#include <sstream>

namespace {

constexpr uint32_t page = 4096;
constexpr uint32_t file_size = 300001; /* see world.cc */

constexpr std::array kind_names = {"write",  "read", "vmsplice", "splice", "tee",    "sendfile",
				   "resize", "poll", "packets",  "close",  "reopen", "seek"};
constexpr std::array place_names = {"none",      "p0.r",     "p0.w",    "p1.r",  "p1.w", "p2.r",
				    "p2.w",      "stock.r",  "stock.w", "tmpfs", "ext4", "zero",
				    "tmpfs.out", "ext4.out", "append",  "null",  "unix", "tcp"};
static_assert(place_names.size() == static_cast<size_t>(Place::count_));

/* How often each kind comes up. */
constexpr std::array<std::pair<Kind, unsigned>, 12> weights = {{
	{Kind::write, 22},
	{Kind::read, 22},
	{Kind::vmsplice, 10},
	{Kind::splice, 30},
	{Kind::tee, 8},
	{Kind::sendfile, 6},
	{Kind::resize, 3},
	{Kind::poll, 5},
	{Kind::packets, 3},
	{Kind::close, 1},
	{Kind::reopen, 2},
	{Kind::seek, 3},
}};

class Maker {
public:
	explicit Maker(Random &random) : random_(random) {}

	Op make()
	{
		Op op = {.kind = kind(), .data = data()};

		switch (op.kind) {
		case Kind::write:
		case Kind::read:
		case Kind::vmsplice:
			memory(op);
			break;
		case Kind::splice:
			splice(op);
			break;
		case Kind::tee:
			op.from = odd() ? any() : end(false, 3);
			op.to = odd() ? any() : end(true, 3);
			op.len = len();
			op.flags = splice_flags();
			break;
		case Kind::sendfile:
			op.from = odd() ? any() : source();
			op.to = odd() ? any() : below(2) ? end(true, 4) : target();
			op.off_in = below(2) ? offset() : no_offset;
			/* Endless, to a target that is as well. */
			op.len = op.from == Place::zero ? len() % 131073 : len();
			op.native = below(4) == 0;
			break;
		case Kind::resize:
			op.from = end(below(2), pipes);
			op.len = one_in(20) ? 0x80000001u : below(257) * page - below(2);
			if (below(2))
				op.len = page << below(7);
			break;
		case Kind::packets:
			op.from = end(true, pipes);
			op.flags = below(2);
			break;
		case Kind::poll:
		case Kind::close:
		case Kind::reopen:
			op.from = end(below(2), pipes);
			break;
		case Kind::seek:
			op.from = below(2) ? source() : target();
			op.off_in = offset();
			break;
		}
		return op;
	}

private:
	uint64_t below(uint64_t n) { return random_() % n; }
	bool one_in(uint64_t n) { return below(n) == 0; }
	/* Now and then something that makes no sense. */
	bool odd() { return one_in(25); }

	Kind kind()
	{
		unsigned sum = 0;

		for (auto [kind, weight] : weights)
			sum += weight;

		auto at = static_cast<unsigned>(below(sum));

		for (auto [kind, weight] : weights) {
			if (at < weight)
				return kind;
			at -= weight;
		}
		return Kind::poll;
	}

	/* Up to 128 KiB; small ones, whole pages and their neighbours come up often. */
	uint64_t len()
	{
		switch (below(8)) {
		case 0:
			return below(100);
		case 1:
		case 2:
			return below(page + 1);
		case 3:
			return below(17) * page;
		case 4:
			return page + below(33) * page + below(5) - 2;
		case 5:
			return below(131073);
		case 6:
			return below(16384);
		default:
			return one_in(30) ? UINT64_MAX >> below(3) : below(3 * page);
		}
	}

	uint32_t data()
	{
		auto anywhere = static_cast<uint32_t>(below(1 << 19));

		return below(2) ? anywhere : anywhere & ~(page - 1);
	}

	int64_t offset()
	{
		auto anywhere = static_cast<int64_t>(below(file_size + 100));

		switch (below(8)) {
		case 0:
			return 0;
		case 1:
		case 2:
			return anywhere & ~int64_t{page - 1};
		case 3:
			return (anywhere & ~int64_t{page - 1}) + 4095;
		case 4:
			return one_in(4) ? bad_offset : one_in(3) ? -1 : anywhere;
		default:
			return anywhere;
		}
	}

	uint32_t splice_flags()
	{
		auto flags = static_cast<uint32_t>(below(16));

		return one_in(50) ? flags | 1u << below(32) : flags;
	}

	Place end(bool write_end, int of) { return end_of(static_cast<int>(below(of)), write_end); }
	Place any() { return static_cast<Place>(below(static_cast<uint64_t>(Place::count_))); }

	Place source()
	{
		constexpr std::array places = {Place::tmpfs, Place::tmpfs, Place::ext4, Place::ext4,
					       Place::zero};

		return places[below(places.size())];
	}

	Place target()
	{
		constexpr std::array places = {Place::tmpfs_out,   Place::ext4_out,
					       Place::append,      Place::null,
					       Place::unix_socket, Place::tcp_socket};

		return places[below(places.size())];
	}

	/* read, write, vmsplice: mostly on the right end of a pipe */
	void memory(Op &op)
	{
		bool in = op.kind == Kind::write || (op.kind == Kind::vmsplice && below(4));
		/* vmsplice(2) and the module's differ for a file that is no pipe of their kind. */
		Place place = end(one_in(40) ? !in : in, op.kind == Kind::vmsplice ? 3 : pipes);

		if (op.kind == Kind::vmsplice)
			in = is_write_end(place);
		(in ? op.to : op.from) = place;
		op.len = len() % 131073;
		op.segments = below(2) ? 1 : 1 + static_cast<uint32_t>(below(max_segments));
		if (one_in(12))
			op.fault = static_cast<uint32_t>(below(2) ? below(page) : len() % 65536);
		if (op.kind == Kind::vmsplice)
			op.flags = splice_flags();
	}

	void splice(Op &op)
	{
		switch (below(6)) {
		case 0:
		case 1:
			op.from = below(6)   ? source()
				  : below(2) ? Place::unix_socket
					     : Place::tcp_socket;
			op.to = end(true, 3);
			break;
		case 2:
		case 3:
			op.from = end(false, 3);
			op.to = target();
			break;
		default:
			op.from = end(false, pipes);
			op.to = end(true, pipes);
		}
		if (odd())
			op.from = any();
		if (odd())
			op.to = any();
		if ((pipe_of(op.from) < 0 && below(2)) || one_in(50))
			op.off_in = offset();
		if ((pipe_of(op.to) < 0 && below(2)) || one_in(50))
			op.off_out = offset();
		op.len = len();
		op.flags = splice_flags();
		op.native = static_cast<uint32_t>(below(2));
	}

	Random &random_;
};

} // namespace

Op random_op(Random &random)
{
	return Maker(random).make();
}

std::string to_text(const Op &op)
{
	const Op defaults;
	std::ostringstream out;
	auto field = [&](const char *name, auto value, auto normal) {
		if (value != normal)
			out << ' ' << name << '=' << value;
	};

	out << kind_names[static_cast<size_t>(op.kind)];
	if (op.from != defaults.from)
		out << " from=" << place_names[static_cast<size_t>(op.from)];
	if (op.to != defaults.to)
		out << " to=" << place_names[static_cast<size_t>(op.to)];
	field("len", op.len, defaults.len);
	field("off_in", op.off_in, defaults.off_in);
	field("off_out", op.off_out, defaults.off_out);
	field("flags", op.flags, defaults.flags);
	field("data", op.data, defaults.data);
	field("segments", op.segments, defaults.segments);
	field("fault", op.fault, defaults.fault);
	field("native", op.native, defaults.native);
	return out.str();
}

template <class Names>
static size_t index_of(const Names &names, std::string_view name)
{
	size_t i = 0;

	while (i < names.size() && names[i] != name)
		i++;
	return i;
}

std::optional<Op> from_text(std::string_view line)
{
	std::istringstream words{std::string(line)};
	std::string word;
	Op op;

	words >> word;

	size_t kind = index_of(kind_names, word);

	if (kind == kind_names.size())
		return {};
	op.kind = static_cast<Kind>(kind);
	while (words >> word) {
		size_t equals = word.find('=');
		std::string name = word.substr(0, equals);
		std::string value = equals == word.npos ? "" : word.substr(equals + 1);
		auto number = [&] { return strtoull(value.c_str(), nullptr, 0); };

		if (name == "from" || name == "to")
			(name == "to" ? op.to : op.from) =
				static_cast<Place>(index_of(place_names, value));
		else if (name == "len")
			op.len = number();
		else if (name == "off_in")
			op.off_in = static_cast<int64_t>(number());
		else if (name == "off_out")
			op.off_out = static_cast<int64_t>(number());
		else if (name == "flags")
			op.flags = static_cast<uint32_t>(number());
		else if (name == "data")
			op.data = static_cast<uint32_t>(number());
		else if (name == "segments")
			op.segments = static_cast<uint32_t>(number());
		else if (name == "fault")
			op.fault = static_cast<uint32_t>(number());
		else if (name == "native")
			op.native = static_cast<uint32_t>(number());
		else
			return {};
	}
	if (op.from >= Place::count_ || op.to >= Place::count_)
		return {};
	return op;
}
