// SPDX-License-Identifier: GPL-2.0
#include "stress/duel.hh"

#include "support/bytes.hh"

#include <poll.h>

#include <algorithm>
#include <sstream>

namespace {

std::string difference(const char *what, const auto &stock, const auto &tested)
{
	std::ostringstream text;

	text << what << ": " << stock << " on the stock pipe, " << tested << " here";
	return text.str();
}

std::string in_words(Result result)
{
	std::ostringstream text;

	PrintTo(result, &text);
	return text.str();
}

bool faults(const Op &op)
{
	return op.fault != no_fault;
}

bool fills_from_memory(const Op &op)
{
	return (op.kind == Kind::write || op.kind == Kind::vmsplice) && op.to != Place::none;
}

bool moves(const Op &op)
{
	return op.kind == Kind::splice || op.kind == Kind::tee || op.kind == Kind::sendfile;
}

size_t pages_of(const iovec &piece, bool packed)
{
	size_t offset = packed ? 0 : reinterpret_cast<uintptr_t>(piece.iov_base) % page_size;

	return piece.iov_len ? (offset + piece.iov_len + page_size - 1) / page_size : 0;
}

/* The pieces that begin with a page of their own. */
std::vector<iovec> apart(const Op &op, bool joined)
{
	if (joined)
		return {{nullptr, op.len}};
	return source_memory(op);
}

/* D5: how many pages of the pipe the bytes of a vmsplice need. */
size_t pages_needed(const Op &op, bool packed, bool joined)
{
	size_t pages = 0;

	for (const iovec &piece : apart(op, joined))
		pages += pages_of(piece, packed);
	return pages;
}

/* How many bytes of it get into @room pages. */
size_t bytes_packed(const Op &op, size_t room, bool joined)
{
	size_t bytes = 0;

	for (iovec piece : apart(op, joined)) {
		piece.iov_len = std::min(piece.iov_len, room * page_size);
		bytes += piece.iov_len;
		room -= pages_of(piece, true);
	}
	return std::min(bytes, source_bytes(op).size());
}

bool same_pages_either_way(const Op &op)
{
	auto pieces = source_memory(op);

	return !faults(op) && std::all_of(pieces.begin(), pieces.end(), [](const iovec &piece) {
		return !(reinterpret_cast<uintptr_t>(piece.iov_base) % page_size) &&
		       !(piece.iov_len % page_size);
	});
}

} // namespace

void Duel::restart()
{
	stock_.restart();
	tested_.restart();
	known_ = {};
	found_.reset();
}

/* Empties a pipe in both worlds, so that it is in the same state in both. */
void Duel::settle(int pipe)
{
	known_[static_cast<size_t>(pipe)] = {};
	if (!stock_.is_open(end_of(pipe, false))) {
		stock_.renew(pipe);
		tested_.renew(pipe);
		return;
	}

	std::string stock = stock_.drain(pipe);

	if (auto equal = same(stock_.seen(tested_.drain(pipe)), stock);
	    !equal && !found_ && !stock_.is_recording())
		found_ = std::string("drained from p") + std::to_string(pipe) + ": " +
			 equal.message();
}

/* Makes the worlds comparable for @op; false if they can't be. */
bool Duel::prepare(const Op &op)
{
	int in = pipe_of(op.from), out = pipe_of(op.to);
	auto vague = [&](int pipe) { return pipe >= 0 && known_[static_cast<size_t>(pipe)].vague; };

	const Expectations &expect = tested_.expect();

	/* Sockets among each other block. */
	if (is_socket(op.from) && out < 0)
		return false;
	/* D1: a file that is written is no source. */
	if (expect.file_written == Content::kept && moves(op) &&
	    (op.from == Place::tmpfs_out || op.from == Place::ext4_out))
		return false;
	if (!expect.tees_stock_pipes && op.kind == Kind::tee &&
	    (in == pipes - 1 || out == pipes - 1))
		return false;
	/* And something has to be a pipe of the backend, or there is nothing to test. */
	if (op.kind == Kind::splice && (in < 0 || in == pipes - 1) && (out < 0 || out == pipes - 1))
		return false;

	if (expect.vmsplice_minds_packets && op.kind == Kind::vmsplice)
		for (int pipe : {in, out})
			if (pipe >= 0 && (known_[static_cast<size_t>(pipe)].packets ||
					  stock_.makes_packets(pipe)))
				return false;
	if (expect.needs_descriptor && op.kind == Kind::vmsplice &&
	    !stock_.is_open(op.to == Place::none ? op.from : op.to))
		return false;

	/* Room matters for operations that fill or resize a pipe. */
	if (vague(out) || (op.kind == Kind::resize && vague(in)))
		settle(vague(out) ? out : in);
	/* A fault cuts a read short at a page of the pipe. */
	if (faults(op) && vague(in))
		settle(in);
	if (moves(op) && vague(in) && out >= 0) {
		settle(out);
		if (stock_.capacity(in) > stock_.capacity(out))
			settle(in);
	}
	if (expect.sendfile_packs && op.kind == Kind::sendfile && out == pipes - 1) {
		settle(out);
		if (op.len > stock_.capacity(out) - page_size)
			return false;
	}
	/* D8: bytes from a socket may need more slots, or fewer. */
	if (expect.received_page_written == Content::kept && is_socket(op.from)) {
		settle(out);
		if (stock_.capacity(out) < default_capacity)
			return false;
	}
	if (expect.vmsplice_packs && op.kind == Kind::vmsplice && out >= 0 &&
	    !same_pages_either_way(op))
		settle(out);
	return true;
}

std::optional<std::string> Duel::compare_vmsplice(const Op &op, const Outcome &stock,
						  const Outcome &tested)
{
	int pipe = pipe_of(op.to);
	size_t room = stock_.capacity(pipe) / page_size;
	std::string sent = source_bytes(op);
	/* Memory that may be taken is looked at piece by piece. */
	bool joined = !(op.flags & SPLICE_F_GIFT && tested_.expect().gift_reads_as_zeros);

	if (std::max(pages_needed(op, true, joined), pages_needed(op, false, false)) <= room ||
	    !stock.result.ok() || !tested.result.ok())
		return stock.result == tested.result
			       ? std::nullopt
			       : std::optional(difference("vmsplice", in_words(stock.result),
							  in_words(tested.result)));

	/* Now they may differ, but only as the table says. */
	auto judge = [&](const Outcome &outcome, bool packs,
			 const std::string &drained) -> std::optional<std::string> {
		size_t most = bytes_packed(op, room, joined);
		size_t got = outcome.result.bytes();

		if (packs ? got != most : got > most)
			return difference("vmsplice packed", most, got);
		if (auto equal = same(drained, stock_.seen(sent.substr(0, got))); !equal)
			return std::string("vmsplice: ") + equal.message();
		return {};
	};
	auto wrong = judge(stock, false, stock_.drain(pipe));

	return wrong ? wrong : judge(tested, true, stock_.seen(tested_.drain(pipe)));
}

std::optional<std::string> Duel::compare(const Op &op, const Outcome &stock, const Outcome &tested)
{
	const Expectations &expect = tested_.expect();
	Result a = stock.result, b = tested.result;

	if (expect.vmsplice_packs && op.kind == Kind::vmsplice && pipe_of(op.to) >= 0 &&
	    !same_pages_either_way(op) && is_write_end(op.to))
		return compare_vmsplice(op, stock, tested);
	if (op.kind == Kind::poll && known_[static_cast<size_t>(pipe_of(op.from))].vague)
		a.value &= ~POLLOUT, b.value &= ~POLLOUT;
	if (expect.is_file_to_sendfile && op.kind == Kind::sendfile && op.native &&
	    pipe_of(op.to) >= 0 && b == moved(0) && (a == failed(EAGAIN) || a == failed(EPIPE)))
		return {};
	if (expect.reader_looked_for_first && op.kind == Kind::splice && a == failed(EAGAIN) &&
	    b == failed(EPIPE) && (pipe_of(op.from) == pipes - 1 || pipe_of(op.to) == pipes - 1))
		return {};
	stock_was_short_ = moves(op) && a.ok() && b.ok() && a.bytes() < b.bytes();
	if (a != b)
		return difference("result", in_words(a), in_words(b));
	if (stock.off_in != tested.off_in)
		return difference("off_in", stock.off_in, tested.off_in);
	if (stock.off_out != tested.off_out)
		return difference("off_out", stock.off_out, tested.off_out);
	if (stock.position_in != tested.position_in)
		return difference("position of the source", stock.position_in, tested.position_in);
	if (stock.position_out != tested.position_out)
		return difference("position of the target", stock.position_out,
				  tested.position_out);
	if (auto equal = same(tested.bytes, stock.bytes); !equal)
		return equal.message();
	return {};
}

std::optional<std::string> Duel::compare_pipes(const Op &op)
{
	for (int pipe : {pipe_of(op.from), pipe_of(op.to)}) {
		if (pipe < 0)
			continue;

		Result stock = stock_.unread(pipe), tested = tested_.unread(pipe);

		if (stock != tested && !stock_.is_recording())
			return difference("FIONREAD", in_words(stock), in_words(tested));
	}
	return {};
}

void Duel::learn(const Op &op, const Outcome &stock)
{
	int in = pipe_of(op.from), out = pipe_of(op.to);

	/* A write that faults leaves an empty slot in a stock pipe. */
	if (op.kind == Kind::write && faults(op) && out >= 0)
		return settle(out);
	if (out < 0 || !stock.result.bytes())
		return;

	const Expectations &expect = tested_.expect();
	Known &filled = known_[static_cast<size_t>(out)];

	if (expect.vmsplice_packs && fills_from_memory(op) && op.kind == Kind::vmsplice &&
	    !same_pages_either_way(op))
		filled.vague = true;
	if (expect.received_page_written == Content::kept && is_socket(op.from))
		filled.vague = true;
	if (expect.sendfile_packs && op.kind == Kind::sendfile && out == pipes - 1)
		filled.vague = true;
	if (expect.vmsplice_minds_packets && op.kind == Kind::write)
		filled.packets |= stock_.makes_packets(out);
	if (moves(op) && in >= 0) {
		filled.packets |= known_[static_cast<size_t>(in)].packets;
		filled.vague |= known_[static_cast<size_t>(in)].vague ||
				(!expect.stays_open_across_kinds &&
				 (in == pipes - 1) != (out == pipes - 1));
	}
}

std::optional<std::string> Duel::step(const Op &op)
{
	found_.reset();
	stock_was_short_ = false;
	if (!prepare(op))
		return {};
	if (found_)
		return found_;

	Outcome stock = stock_.run(op);
	Outcome tested = stock;

	/* A recording is compared with another kernel's pipes later. */
	if (!stock_.is_recording()) {
		tested = tested_.run(op);
		tested.bytes = stock_.seen(tested.bytes);
	}
	auto different = compare(op, stock, tested);

	if (stock_.is_recording())
		different.reset();

	if (!different) {
		if (op.kind == Kind::reopen && stock.result.value == 1 &&
		    !stock_.unread(pipe_of(op.from)).bytes())
			known_[static_cast<size_t>(pipe_of(op.from))] = {};
		learn(op, stock);
		different = found_ ? found_ : compare_pipes(op);
	}
	return different;
}

size_t Duel::run(const Program &program, std::string *difference)
{
	restart();
	for (size_t i = 0; i < program.size(); i++) {
		at_ = i;
		if (auto different = step(program[i])) {
			*difference = *different;
			return i;
		}
	}
	for (int pipe = 0; pipe < pipes; pipe++)
		if (stock_.is_open(end_of(pipe, false)))
			settle(pipe);
	if (found_) {
		*difference = *found_;
		return program.size() - 1;
	}
	return program.size();
}
