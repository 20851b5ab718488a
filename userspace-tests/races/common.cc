// SPDX-License-Identifier: GPL-2.0
/* Steps that the scenarios share. */
#include "races/scenarios.hh"

#include "pipe/backend.hh"
#include "pipe/pipe.hh"
#include "races/record.hh"
#include "races/round.hh"

#include <atomic>
#include <cstring>
#include <fstream>
#include <random>

uint64_t random_below(uint64_t n)
{
	thread_local std::mt19937_64 random(std::random_device{}());

	return random() % n;
}

size_t pages(size_t most)
{
	return (1 + random_below(most)) * page_size;
}

uint64_t fresh_id()
{
	static std::atomic<uint64_t> last;

	return ++last;
}

namespace {

static bool is_one_of(Result result, std::initializer_list<int> errors)
{
	for (int error : errors)
		if (result == failed(error))
			return true;
	return result.ok();
}

} // namespace

void expect_one_of(const char *what, Result result, std::initializer_list<int> errors)
{
	if (is_one_of(result, errors))
		return;
	complain(std::string(what) + ": " + strerror(static_cast<int>(-result.value)));
}

void write_record(const Pipe &pipe, Ledger *ledger)
{
	Record record(fresh_id());
	Result wrote = backend().write(pipe.out(), &record, sizeof(record));

	expect_one_of("write", wrote, {EINTR, EAGAIN});
	if (wrote.ok() && wrote != moved(sizeof(record)))
		complain("a write of a page was torn");
	if (wrote.ok() && ledger)
		ledger->put(record.id());
}

/* Reads whole records only; false when nothing came. */
bool read_record(const Pipe &pipe, Ledger *ledger, bool by_system_call)
{
	Record record;
	Result got = by_system_call ? result_of(read(pipe.in(), &record, sizeof(record)))
				    : backend().read(pipe.in(), &record, sizeof(record));

	expect_one_of("read", got, {EINTR, EAGAIN});
	if (!got.bytes())
		return false;
	if (got != moved(sizeof(record)) || !record.is_whole())
		complain("a record came in pieces");
	if (ledger)
		ledger->take(record.id());
	return true;
}

/* Reads two pipes that must have the same content: the copy must not have changed. */
void expect_twins(const Pipe &pipe, const Pipe &twin, std::string *bytes)
{
	set_status_flag(twin.in(), O_NONBLOCK);
	*bytes = drain(pipe.in());
	if (auto equal = same(*bytes, drain(twin.in())); !equal)
		complain(std::string("bytes in a pipe changed: ") + equal.message());
}

void tee_all(const Pipe &pipe, const Pipe &twin)
{
	size_t wanted = unread(pipe.in());

	for (size_t done = 0; wanted && done < wanted;) {
		Result teed = do_tee(pipe.in(), twin.out(), wanted);

		expect_one_of("tee", teed, {EINTR});
		done = teed.bytes();
		if (teed.ok() && done != wanted)
			complain("tee into an empty pipe was short");
	}
}

void write_text(const std::string &path, const std::string &text)
{
	std::ofstream(path) << text;
}
