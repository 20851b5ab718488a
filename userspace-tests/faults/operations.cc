// SPDX-License-Identifier: GPL-2.0
/*
 * Every operation with every fault that can happen in it: it works, perhaps in part, or says so;
 * no byte is lost or doubled, offsets tell the truth, and the pipe goes on working.
 */
#include "faults/injector.hh"

#include "pipe/kinds.hh"
#include "pipe/pipe.hh"
#include "pipe/private.hh"
#include "support/files.hh"

#include <sys/ioctl.h>
#include <sys/socket.h>

namespace {

constexpr size_t some = 5 * page_size + 123;

bool is_acceptable(Result result)
{
	return result.ok() || result == failed(ENOMEM) || result == failed(EFAULT) ||
	       result == failed(ENOBUFS);
}

Pipe quick_pipe(unsigned capacity = 0)
{
	return make_pipe(O_NONBLOCK | O_CLOEXEC, capacity);
}

/* The pipe holds @want, and works. */
void expect_holds(const Pipe &pipe, std::string_view want)
{
	std::string got = drain(pipe.in());
	const std::string more = pattern(3 * page_size, 7);

	EXPECT_TRUE(same(got, want));
	EXPECT_EQ(unread(pipe.in()), 0u);
	put(pipe.out(), more);
	EXPECT_TRUE(same(get(pipe.in(), more.size()), more));
}

/*
 * On the private end @end. The backend would look for that end by calls of its own, and the fault
 * could hit those.
 */
Result splice_on(const Fd &end, int in, int out, size_t len, unsigned flags = 0)
{
	if (!is_private_backend())
		return backend().splice(in, nullptr, out, nullptr, len, flags);

	privpipe_splice args = {
		.size = sizeof(args), .flags = flags, .fd_in = in, .fd_out = out, .len = len};

	return private_backend().command(end.get(), PRIVPIPE_SPLICE, &args);
}

Result tee_on(const Fd &end, int in, int out, size_t len)
{
	if (!is_private_backend())
		return backend().tee(in, out, len, 0);

	privpipe_tee args = {.size = sizeof(args), .fd_in = in, .fd_out = out, .len = len};

	return private_backend().command(end.get(), PRIVPIPE_TEE, &args);
}

using Call = std::function<Result(const Pipe &pipe)>;

/* A call that puts the beginning of @source into a pipe. */
void walk_into_pipe(const std::string &source, const std::function<Call()> &prepare,
		    unsigned capacity = 0, unsigned in_a_row = 0)
{
	walk(
		moved(source.size()),
		[&](Injector &fault) {
			Pipe pipe = quick_pipe(capacity);
			const std::string before = pattern(100, 99);

			put(pipe.out(), before);

			Call call = prepare();
			Result result = fault.during([&] { return call(pipe); });

			EXPECT_TRUE(is_acceptable(result)) << testing::PrintToString(result);
			expect_holds(pipe, before + source.substr(0, result.bytes()));
		},
		in_a_row);
}

/* A call that takes bytes out of a pipe; @arrived returns the bytes at the other end. */
struct Way {
	Call call;
	std::function<std::string(size_t)> arrived;
};

void walk_out_of_pipe(const std::function<Way()> &prepare)
{
	const std::string bytes = pattern(some);

	walk(moved(bytes.size()), [&](Injector &fault) {
		Pipe pipe = quick_pipe();

		put(pipe.out(), bytes);

		Way way = prepare();
		Result result = fault.during([&] { return way.call(pipe); });

		EXPECT_TRUE(is_acceptable(result)) << testing::PrintToString(result);
		EXPECT_TRUE(same(way.arrived(result.bytes()), bytes.substr(0, result.bytes())));
		expect_holds(pipe, std::string_view(bytes).substr(result.bytes()));
	});
}

Connection unix_pair(size_t room = 1 << 20)
{
	Connection pair = connect_kind(Kind::unix_stream, true);
	int size = static_cast<int>(room);

	for (int fd : {pair.near.get(), pair.far.get()}) {
		checked(setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)),
			"SO_SNDBUF");
		set_status_flag(fd, O_NONBLOCK);
	}
	return pair;
}

std::string received(int fd, size_t size)
{
	std::string bytes(size + 1, '\0');
	ssize_t n = recv(fd, bytes.data(), bytes.size(), 0);

	bytes.resize(static_cast<size_t>(std::max<ssize_t>(n, 0)));
	return bytes;
}

} // namespace

TEST(Faults, Create)
{
	walk(moved(0), [](Injector &fault) {
		std::array<int, 2> ends = {-1, -1};
		Result made = fault.during(
			[&] { return backend().create(ends, O_CLOEXEC | O_NONBLOCK, 0); });

		EXPECT_TRUE(is_acceptable(made) || made == failed(ENFILE))
			<< testing::PrintToString(made);
		if (!made.ok())
			return;
		expect_holds({Fd(ends[0]), Fd(ends[1])}, "");
	});
}

TEST(Faults, Resize)
{
	const std::string bytes = pattern(some);

	walk(moved(1 << 20), [&](Injector &fault) {
		Pipe pipe = quick_pipe();

		put(pipe.out(), bytes);

		Result sized = fault.during([&] { return backend().resize(pipe.in(), 1 << 20); });

		EXPECT_TRUE(is_acceptable(sized)) << testing::PrintToString(sized);
		EXPECT_EQ(backend().capacity(pipe.in()),
			  moved(sized.ok() ? 1 << 20 : default_capacity));
		expect_holds(pipe, bytes);
	});
}

TEST(Faults, Query)
{
	walk(moved(default_capacity), [](Injector &fault) {
		Pipe pipe = quick_pipe();
		Result size = fault.during([&] { return backend().capacity(pipe.in()); });

		EXPECT_TRUE(size == moved(default_capacity) || size == failed(EFAULT))
			<< testing::PrintToString(size);
		expect_holds(pipe, "");
	});
}

TEST(Faults, Write)
{
	const std::string bytes = pattern(some);

	walk_into_pipe(bytes, [&] {
		return [&](const Pipe &pipe) {
			return result_of(write(pipe.out(), bytes.data(), bytes.size()));
		};
	});
}

TEST(Faults, Read)
{
	walk_out_of_pipe([] {
		auto memory = std::make_shared<std::string>(some, '\0');

		return Way{[=](const Pipe &pipe) {
				   return result_of(read(pipe.in(), memory->data(), some));
			   },
			   [=](size_t n) { return memory->substr(0, n); }};
	});
}

static void walk_splice_from(const char *where, unsigned flags)
{
	const std::string bytes = pattern(some);
	File file(where, bytes);

	file.forget();
	walk_into_pipe(bytes, [&] {
		/* In the cache and clean, so that it can be taken. */
		EXPECT_TRUE(same(file.read_at(0, some), bytes));
		lseek(file.fd(), 0, SEEK_SET);
		return [&, flags](const Pipe &pipe) {
			Result result =
				splice_on(pipe.write_end, file.fd(), pipe.out(), some, flags);

			EXPECT_EQ(file.position(), static_cast<off64_t>(result.bytes()));
			return result;
		};
	});
}

TEST(Faults, SpliceFromTmpfs)
{
	walk_splice_from(on_tmpfs, 0);
}

TEST(Faults, SpliceFromExt4Copied)
{
	walk_splice_from(on_ext4, 0);
}

TEST(Faults, SpliceFromExt4Taken)
{
	walk_splice_from(on_ext4, SPLICE_F_MOVE);
}

TEST(Faults, SpliceFromXfsTaken)
{
	walk_splice_from(on_xfs, SPLICE_F_MOVE);
}

/*
 * A call that goes on after a fault in the middle of one large folio must not go on in the next.
 * Where writes of 64 KiB make folios of that size, these are four. The call begins in the second
 * page, so that a folio to copy to, if it is as large, ends in the middle of one of them.
 */
static void walk_splice_from_large_folios(const char *where)
{
	constexpr size_t folio = 16 * page_size, size = 4 * folio, rest = size - page_size;
	const std::string bytes = pattern(size);
	File file(where);

	for (size_t at = 0; at < size; at += folio)
		file.write_at(static_cast<off64_t>(at), std::string_view(bytes).substr(at, folio));
	checked(fsync(file.fd()), "fsync");

	const auto prepare = [&] {
		/* What was used is copied. */
		EXPECT_TRUE(same(file.read_at(0, size), bytes));
		lseek(file.fd(), page_size, SEEK_SET);
		return [&](const Pipe &pipe) {
			return splice_on(pipe.write_end, file.fd(), pipe.out(), rest);
		};
	};
	walk_into_pipe(bytes.substr(page_size), prepare, 2 * size);
	/* From several pages at once a kernel may go down to a single one in some steps. */
	for (unsigned in_a_row = 2; in_a_row <= 5 && !testing::Test::HasFailure(); in_a_row++)
		walk_into_pipe(bytes.substr(page_size), prepare, 2 * size, in_a_row);
}

TEST(Faults, SpliceFromLargeFoliosOfXfs)
{
	walk_splice_from_large_folios(on_xfs);
}

TEST(Faults, SpliceFromLargeFoliosOfExt4)
{
	walk_splice_from_large_folios(on_ext4);
}

TEST(Faults, SpliceFromFileThatIsNotCached)
{
	const std::string bytes = pattern(some);
	File file(on_ext4, bytes);

	walk_into_pipe(bytes, [&] {
		file.forget();
		lseek(file.fd(), 0, SEEK_SET);
		return [&](const Pipe &pipe) {
			return splice_on(pipe.write_end, file.fd(), pipe.out(), some,
					 SPLICE_F_MOVE);
		};
	});
}

TEST(Faults, SpliceFromSocket)
{
	const std::string bytes = pattern(some);

	walk(moved(some), [&](Injector &fault) {
		Pipe pipe = quick_pipe();
		Connection pair = unix_pair();

		EXPECT_EQ(write(pair.far.get(), bytes.data(), some), static_cast<ssize_t>(some));

		Result result = fault.during([&] {
			return splice_on(pipe.write_end, pair.near.get(), pipe.out(), some);
		});

		EXPECT_TRUE(is_acceptable(result)) << testing::PrintToString(result);
		EXPECT_TRUE(same(received(pair.near.get(), some), bytes.substr(result.bytes())));
		expect_holds(pipe, bytes.substr(0, result.bytes()));
	});
}

static void walk_from_stock_pipe(size_t part)
{
	const std::string bytes = pattern(some);

	walk(moved(part), [&](Injector &fault) {
		Pipe stock = make_stock_pipe(O_NONBLOCK | O_CLOEXEC);
		Pipe pipe = quick_pipe();

		put(stock.out(), bytes);

		Result result = fault.during(
			[&] { return splice_on(pipe.write_end, stock.in(), pipe.out(), part); });

		EXPECT_TRUE(is_acceptable(result)) << testing::PrintToString(result);
		expect_holds(pipe, bytes.substr(0, result.bytes()));
		EXPECT_TRUE(same(drain(stock.in()), bytes.substr(result.bytes())));
	});
}

TEST(Faults, SpliceFromStockPipe)
{
	walk_from_stock_pipe(some);
}

TEST(Faults, SplicePartFromStockPipe)
{
	walk_from_stock_pipe(page_size + 5);
}

TEST(Faults, SpliceToTmpfs)
{
	walk_out_of_pipe([] {
		auto file = std::make_shared<File>(on_tmpfs);

		return Way{[=](const Pipe &pipe) {
				   Result result =
					   splice_on(pipe.read_end, pipe.in(), file->fd(), some);

				   EXPECT_EQ(file->position(),
					     static_cast<off64_t>(result.bytes()));
				   return result;
			   },
			   [=](size_t) { return file->read_at(0, some + 1); }};
	});
}

TEST(Faults, SpliceToSocket)
{
	walk_out_of_pipe([] {
		auto pair = std::make_shared<Connection>(unix_pair());

		return Way{[=](const Pipe &pipe) {
				   return splice_on(pipe.read_end, pipe.in(), pair->near.get(),
						    some);
			   },
			   [=](size_t n) { return received(pair->far.get(), n); }};
	});
}

TEST(Faults, SpliceToStockPipe)
{
	walk_out_of_pipe([] {
		auto stock = std::make_shared<Pipe>(make_stock_pipe(O_NONBLOCK | O_CLOEXEC));

		return Way{[=](const Pipe &pipe) {
				   return splice_on(pipe.read_end, pipe.in(), stock->out(), some);
			   },
			   [=](size_t) { return drain(stock->in()); }};
	});
}

static void walk_between_private_pipes(size_t part, bool tee)
{
	const std::string bytes = pattern(some);

	walk(moved(part), [&](Injector &fault) {
		Pipe in = quick_pipe();
		Pipe out = quick_pipe();

		put(in.out(), bytes);

		Result result = fault.during([&] {
			return tee ? tee_on(in.read_end, in.in(), out.out(), part)
				   : splice_on(in.read_end, in.in(), out.out(), part);
		});

		EXPECT_TRUE(is_acceptable(result)) << testing::PrintToString(result);
		expect_holds(out, bytes.substr(0, result.bytes()));
		expect_holds(in, bytes.substr(tee ? 0 : result.bytes()));
	});
}

TEST(Faults, SpliceAllBetweenPrivatePipes)
{
	walk_between_private_pipes(some, false);
}

TEST(Faults, SplicePartBetweenPrivatePipes)
{
	walk_between_private_pipes(page_size + 5, false);
}

TEST(Faults, Tee)
{
	walk_between_private_pipes(some, true);
}

TEST(Faults, VmspliceIn)
{
	const std::string bytes = pattern(some);

	walk_into_pipe(bytes, [&] {
		return [&](const Pipe &pipe) {
			return do_vmsplice(pipe.out(), bytes, SPLICE_F_NONBLOCK);
		};
	});
}

TEST(Faults, VmspliceOut)
{
	walk_out_of_pipe([] {
		auto memory = std::make_shared<std::string>(some, '\0');

		return Way{[=](const Pipe &pipe) {
				   iovec iov = {memory->data(), some};

				   return backend().vmsplice(pipe.in(), &iov, 1, SPLICE_F_NONBLOCK);
			   },
			   [=](size_t n) { return memory->substr(0, n); }};
	});
}

TEST(Faults, Gift)
{
	constexpr size_t size = 5 * page_size;
	const std::string bytes = pattern(size);

	walk_into_pipe(bytes, [&] {
		auto arena = std::make_shared<Mapping>(backend().map_gift(size), size);

		arena->fill(bytes);
		return [=](const Pipe &pipe) {
			return do_vmsplice(pipe.out(), arena->view(),
					   SPLICE_F_NONBLOCK | SPLICE_F_GIFT);
		};
	});
}

TEST(Faults, GiftPartOfABlock)
{
	constexpr size_t block = 16 * page_size, size = 3 * page_size;
	const std::string bytes = pattern(block);

	walk_into_pipe(bytes.substr(page_size, size), [&] {
		auto arena = std::make_shared<Mapping>(backend().map_gift(block), block);

		arena->fill(bytes);
		return [=](const Pipe &pipe) {
			return do_vmsplice(pipe.out(), arena->view().substr(page_size, size),
					   SPLICE_F_NONBLOCK | SPLICE_F_GIFT);
		};
	});
}

TEST(Faults, MakeAnArena)
{
	walk(moved(0), [](Injector &fault) {
		privpipe_arena args = {.size = sizeof(args), .length = page_size};
		Result made = fault.during([&] {
			return private_backend().command(private_backend().device(), PRIVPIPE_ARENA,
							 &args);
		});

		EXPECT_TRUE(is_acceptable(made) || made == failed(ENFILE));
		if (made.ok())
			close(args.fd);
	});
}

TEST(Faults, TouchAnArena)
{
	walk(moved(0), [](Injector &fault) {
		Mapping arena(backend().map_gift(20 * page_size), 20 * page_size);

		fault.during([&] {
			for (size_t at = 0; at < arena.size(); at += page_size)
				arena.data()[at] = 'x';
			return Result{};
		});
		EXPECT_EQ(arena.view()[0], 'x');
	});
}

static void walk_sendfile(const std::function<Way()> &prepare)
{
	const std::string bytes = pattern(some);
	File file(on_ext4, bytes);

	file.forget();
	walk(moved(some), [&](Injector &fault) {
		Way way = prepare();
		Pipe none;

		EXPECT_TRUE(same(file.read_at(0, some), bytes));
		lseek(file.fd(), 0, SEEK_SET);
		none.read_end = file.reopen(O_RDONLY);

		Result result = fault.during([&] { return way.call(none); });

		EXPECT_TRUE(is_acceptable(result)) << testing::PrintToString(result);
		EXPECT_EQ(lseek(none.in(), 0, SEEK_CUR), static_cast<off_t>(result.bytes()));
		EXPECT_TRUE(same(way.arrived(result.bytes()), bytes.substr(0, result.bytes())));
	});
}

static Result send_all_of(int out, int in, unsigned flags)
{
	if (!is_private_backend())
		return backend().sendfile(out, in, nullptr, some);

	privpipe_sendfile args = {
		.size = sizeof(args), .flags = flags, .fd_in = in, .fd_out = out, .count = some};

	return private_backend().command(private_backend().device(), PRIVPIPE_SENDFILE, &args);
}

static void walk_sendfile_to_socket(unsigned flags)
{
	walk_sendfile([=] {
		auto pair = std::make_shared<Connection>(unix_pair());

		return Way{[=](const Pipe &file) {
				   return send_all_of(pair->near.get(), file.in(), flags);
			   },
			   [=](size_t n) { return received(pair->far.get(), n); }};
	});
}

TEST(Faults, SendfileCopied)
{
	walk_sendfile_to_socket(0);
}

TEST(Faults, SendfileDirect)
{
	walk_sendfile_to_socket(PRIVPIPE_F_DIRECT);
}

TEST(Faults, SendfileToTcp)
{
	walk_sendfile([] {
		auto tcp = std::make_shared<Connection>(connect_kind(Kind::tcp, true));

		return Way{[=](const Pipe &file) {
				   return send_all_of(tcp->near.get(), file.in(), 0);
			   },
			   [=](size_t n) {
				   checked(shutdown(tcp->near.get(), SHUT_WR), "shutdown");
				   return get(tcp->far.get(), n + 1);
			   }};
	});
}

TEST(Faults, SendfileToFile)
{
	walk_sendfile([] {
		auto target = std::make_shared<File>(on_tmpfs);

		return Way{
			[=](const Pipe &file) { return send_all_of(target->fd(), file.in(), 0); },
			[=](size_t) { return target->read_at(0, some + 1); }};
	});
}

TEST(Faults, SendfileToPrivatePipe)
{
	walk_sendfile([] {
		auto target = std::make_shared<Pipe>(quick_pipe());

		return Way{
			[=](const Pipe &file) { return send_all_of(target->out(), file.in(), 0); },
			[=](size_t) { return drain(target->in()); }};
	});
}

TEST(Faults, SendfileToStockPipe)
{
	walk_sendfile([] {
		auto target = std::make_shared<Pipe>(make_stock_pipe(O_NONBLOCK | O_CLOEXEC));

		return Way{
			[=](const Pipe &file) { return send_all_of(target->out(), file.in(), 0); },
			[=](size_t) { return drain(target->in()); }};
	});
}
