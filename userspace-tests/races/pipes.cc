// SPDX-License-Identifier: GPL-2.0
/* Threads at both ends of pipes, and between pipes. */
#include "races/scenarios.hh"

#include "pipe/backend.hh"
#include "pipe/pipe.hh"
#include "races/record.hh"
#include "races/round.hh"

#include <fcntl.h>

#include <array>

namespace {

void settle(const Pipe &pipe, Ledger *ledger)
{
	set_status_flag(pipe.in(), O_NONBLOCK);
	/* io_uring gives up on a stock pipe that splice(2) was used on. */
	while (read_record(pipe, ledger, true))
		;
}

void expect_balanced(const Ledger &ledger)
{
	if (!ledger.is_balanced() && !complained())
		complain("records were lost or doubled; missing: " +
			 std::to_string(ledger.missing()));
}

void resize_randomly(const Pipe &pipe)
{
	expect_one_of("resize", backend().resize(pipe.out(), page_size << random_below(8)),
		      {EBUSY, EINTR});
}

} // namespace

void readers_and_writers(double seconds)
{
	Pipe pipe = make_pipe();
	Ledger ledger;
	Round round;

	for (int i = 0; i < 2; i++) {
		round.loop([&] { write_record(pipe, &ledger); });
		round.loop([&] { read_record(pipe, &ledger); });
	}
	round.loop([&] { resize_randomly(pipe); });
	round.run_for(seconds);
	settle(pipe, &ledger);
	expect_balanced(ledger);
}

namespace {

void move_between(const Pipe &from, const Pipe &to)
{
	expect_one_of("splice", do_splice(from.in(), to.out(), pages(20)), {EINTR, EAGAIN});
}

} // namespace

void pipe_to_pipe_both_ways(double seconds)
{
	Pipe a = make_pipe();
	Pipe b = make_pipe();
	Ledger ledger;
	Round round;

	round.loop([&] { write_record(a, &ledger); });
	round.loop([&] { move_between(a, b); });
	round.loop([&] { move_between(b, a); });
	round.loop([&] { read_record(b, &ledger); });
	round.loop([&] { resize_randomly(random_below(2) ? a : b); });
	round.run_for(seconds);
	settle(a, &ledger);
	settle(b, &ledger);
	expect_balanced(ledger);
}

void through_a_stock_pipe(double seconds)
{
	Pipe a = make_pipe();
	Pipe stock = make_stock_pipe();
	Pipe b = make_pipe();
	Ledger ledger;
	Round round;

	round.loop([&] { write_record(a, &ledger); });
	round.loop([&] { move_between(a, stock); });
	round.loop([&] {
		expect_one_of("splice(2)",
			      result_of(splice(stock.in(), nullptr, b.out(), nullptr, pages(8),
					       random_below(2) ? SPLICE_F_MOVE : 0)),
			      {EINTR, EAGAIN});
	});
	round.loop([&] { move_between(stock, b); });
	round.loop([&] { read_record(b, &ledger); });
	round.run_for(seconds);
	for (const Pipe *pipe : {&a, &stock, &b})
		settle(*pipe, &ledger);
	expect_balanced(ledger);
}

void tee_in_circles(double seconds)
{
	std::array<Pipe, 3> all = {make_pipe(), make_pipe(), make_pipe()};
	Round round;

	for (size_t i = 0; i < all.size(); i++) {
		const Pipe &from = all[i];

		/* To either of the others, so that any two are locked in both orders. */
		round.loop([&, i] {
			const Pipe &to = all[(i + 1 + random_below(2)) % all.size()];

			expect_one_of("tee", do_tee(from.in(), to.out(), pages(20)), {EINTR});
		});
		round.loop([&] { read_record(from, nullptr); });
	}
	round.loop([&] { write_record(all[0], nullptr); });
	round.loop([&] { resize_randomly(all[random_below(3)]); });
	round.run_for(seconds);
}

namespace {

/* The end of @pipe that is not held, as O_WRONLY or O_RDONLY says, for one call. */
Pipe with_another_end(const Pipe &pipe, int mode)
{
	const Fd &held = mode == O_WRONLY ? pipe.read_end : pipe.write_end;
	const std::string path = "/proc/self/fd/" + std::to_string(held.get());
	Fd fd(open(path.c_str(), mode | O_CLOEXEC));

	if (fd.get() < 0 && errno != EINTR)
		complain("open of a pipe's other end");
	return mode == O_WRONLY ? Pipe{Fd(), std::move(fd)} : Pipe{std::move(fd), Fd()};
}

} // namespace

/* Of one pipe the writers come and go, of the other one the readers. */
void ends_come_and_go(double seconds)
{
	Pipe a = make_pipe();
	Pipe b = make_pipe();
	Ledger ledger;
	Round round;

	a.write_end.reset();
	b.read_end.reset();
	for (int i = 0; i < 2; i++) {
		round.loop([&] {
			Pipe writing = with_another_end(a, O_WRONLY);

			if (writing.out() >= 0)
				write_record(writing, &ledger);
		});
		round.loop([&] {
			Pipe reading = with_another_end(b, O_RDONLY);

			if (reading.in() >= 0)
				read_record(reading, &ledger);
		});
	}
	round.loop([&] {
		expect_one_of("splice", do_splice(a.in(), b.out(), pages(20)),
			      {EINTR, EAGAIN, EPIPE});
	});
	round.run_for(seconds);
	a.write_end = with_another_end(a, O_WRONLY).write_end;
	b.read_end = with_another_end(b, O_RDONLY).read_end;
	settle(a, &ledger);
	settle(b, &ledger);
	expect_balanced(ledger);
}
