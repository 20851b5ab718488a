// SPDX-License-Identifier: GPL-2.0
/*
 * Measures the cost of moving bytes through a pipe on this machine, with each backend that is
 * available. A benchmark is named backend/path/bytes per call. docs/bench.md tells how to run it.
 */
#include "pipe/backend.hh"
#include "support/fd.hh"

#include <benchmark/benchmark.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <iostream>
#include <thread>

namespace {

constexpr size_t file_size = 4 << 20;

/* A call that has to move everything, or the figures mean nothing. */
void all(Result result, size_t len, const char *what)
{
	if (result.bytes() != len)
		throw_errno(what, result.ok() ? EIO : static_cast<int>(-result.value));
}

struct Pipe {
	explicit Pipe(size_t capacity)
	{
		std::array<int, 2> ends{};

		all(backend().create(ends, O_CLOEXEC, capacity), 0, "a pipe");
		in = Fd(ends[0]);
		out = Fd(ends[1]);
	}

	Fd in, out;
};

/* A TCP connection over loopback whose other end reads in a thread of its own. */
class Peer {
public:
	explicit Peer(bool discard)
	{
		sockaddr_in address{};
		socklen_t len = sizeof(address);
		Fd listener(socket(AF_INET, SOCK_STREAM, 0), "socket");

		address.sin_family = AF_INET;
		address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		checked(bind(listener.get(), reinterpret_cast<sockaddr *>(&address), len), "bind");
		checked(listen(listener.get(), 1), "listen");
		checked(getsockname(listener.get(), reinterpret_cast<sockaddr *>(&address), &len),
			"getsockname");
		socket_ = Fd(socket(AF_INET, SOCK_STREAM, 0), "socket");
		checked(connect(socket_.get(), reinterpret_cast<sockaddr *>(&address), len),
			"connect");
		accepted_ = Fd(accept(listener.get(), nullptr, nullptr), "accept");
		reader_ = std::thread([this, discard] {
			std::vector<char> buffer(1 << 18);

			while (recv(accepted_.get(), buffer.data(), buffer.size(),
				    discard ? MSG_TRUNC : 0) > 0)
				;
		});
	}
	~Peer()
	{
		shutdown(socket_.get(), SHUT_WR);
		reader_.join();
	}

	int fd() const { return socket_.get(); }

private:
	Fd socket_, accepted_;
	std::thread reader_;
};

/* A file in the folder TMPDIR, or /tmp, in the page cache. */
Fd hot_file()
{
	const char *folder = getenv("TMPDIR");
	Fd file(open(folder ? folder : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600),
		"a temporary file");
	std::vector<char> bytes(file_size, 'x');

	all(result_of(write(file.get(), bytes.data(), bytes.size())), bytes.size(), "write");
	return file;
}

void splice_all(int in, off64_t *off, int out, size_t len)
{
	while (len) {
		Result n = backend().splice(in, off, out, nullptr, len, 0);

		if (!n.bytes())
			throw_errno("splice", n.ok() ? EIO : static_cast<int>(-n.value));
		len -= n.bytes();
	}
}

void file_to(benchmark::State &state, int out)
{
	const auto len = static_cast<size_t>(state.range(0));
	Fd file = hot_file();
	Pipe pipe(len);
	off64_t at = 0;

	while (state.KeepRunning()) {
		all(backend().splice(file.get(), &at, pipe.out.get(), nullptr, len, 0), len,
		    "splice");
		splice_all(pipe.in.get(), nullptr, out, len);
		at %= file_size;
	}
}

void file_null(benchmark::State &state)
{
	file_to(state, Fd(open("/dev/null", O_WRONLY), "/dev/null").get());
}

void file_tcp_read(benchmark::State &state)
{
	file_to(state, Peer(false).fd());
}

void file_tcp_discard(benchmark::State &state)
{
	file_to(state, Peer(true).fd());
}

void sendfile_to(benchmark::State &state, bool discard)
{
	const auto len = static_cast<size_t>(state.range(0));
	Fd file = hot_file();
	Peer peer(discard);

	while (state.KeepRunning()) {
		off64_t at = 0;

		all(backend().sendfile(peer.fd(), file.get(), &at, len), len, "sendfile");
	}
}

void sendfile_read(benchmark::State &state)
{
	sendfile_to(state, false);
}

void sendfile_discard(benchmark::State &state)
{
	sendfile_to(state, true);
}

void write_read(benchmark::State &state)
{
	const auto len = static_cast<size_t>(state.range(0));
	std::vector<char> bytes(len);
	Pipe pipe(std::max<size_t>(len, 65536));

	while (state.KeepRunning()) {
		all(backend().write(pipe.out.get(), bytes.data(), len), len, "write");
		all(backend().read(pipe.in.get(), bytes.data(), len), len, "read");
	}
}

void tee_both_read(benchmark::State &state)
{
	const auto len = static_cast<size_t>(state.range(0));
	std::vector<char> bytes(len);
	Pipe first(len), second(len);

	while (state.KeepRunning()) {
		all(backend().write(first.out.get(), bytes.data(), len), len, "write");
		all(backend().tee(first.in.get(), second.out.get(), len, 0), len, "tee");
		all(backend().read(first.in.get(), bytes.data(), len), len, "read");
		all(backend().read(second.in.get(), bytes.data(), len), len, "read");
	}
}

void pipe_pipe(benchmark::State &state)
{
	const auto len = static_cast<size_t>(state.range(0));
	std::vector<char> bytes(len);
	Pipe first(len), second(len);

	while (state.KeepRunning()) {
		all(backend().write(first.out.get(), bytes.data(), len), len, "write");
		splice_all(first.in.get(), nullptr, second.out.get(), len);
		all(backend().read(second.in.get(), bytes.data(), len), len, "read");
	}
}

void memory(benchmark::State &state, unsigned flags)
{
	const auto len = static_cast<size_t>(state.range(0));
	std::vector<char> bytes(len);
	Pipe pipe(len);
	void *given = backend().map_gift(len);
	iovec iov = {.iov_base = given, .iov_len = len};

	while (state.KeepRunning()) {
		std::fill_n(static_cast<char *>(given), len, 'x');
		all(backend().vmsplice(pipe.out.get(), &iov, 1, flags), len, "vmsplice");
		all(backend().read(pipe.in.get(), bytes.data(), len), len, "read");
	}
	munmap(given, len);
}

void vmsplice_read(benchmark::State &state)
{
	memory(state, 0);
}

void gift_read(benchmark::State &state)
{
	memory(state, SPLICE_F_GIFT);
}

struct Path {
	const char *name;
	void (*run)(benchmark::State &state);
	std::vector<int64_t> sizes; /* bytes per call */
};

const std::vector<Path> paths = {
	{"file-null", file_null, {4096, 65536, 1 << 20}},
	{"file-tcp-read", file_tcp_read, {4096, 65536, 1 << 20}},
	{"file-tcp-discard", file_tcp_discard, {4096, 65536, 1 << 20}},
	{"sendfile-read", sendfile_read, {65536, 1 << 20}},
	{"sendfile-discard", sendfile_discard, {65536, 1 << 20}},
	{"write-read", write_read, {64, 4096, 65536}},
	{"tee-both-read", tee_both_read, {4096, 65536}},
	{"pipe-pipe", pipe_pipe, {4096, 65536}},
	{"vmsplice-read", vmsplice_read, {65536, 1 << 20}},
	{"gift-read", gift_read, {65536, 1 << 20}},
};

void register_paths(std::string_view name)
{
	for (const Path &path : paths) {
		auto run = [name, &path](benchmark::State &state) {
			select_backend(name);
			path.run(state);
			state.SetBytesProcessed(state.iterations() * state.range(0));
		};
		auto *made = benchmark::RegisterBenchmark(
			(std::string(name) + "/" + path.name).c_str(), run);

		for (int64_t size : path.sizes)
			made->Arg(size);
		/* Both ends work for it. */
		made->MeasureProcessCPUTime()->UseRealTime();
	}
}

} // namespace

int main(int argc, char **argv)
{
	// The tests' other backends are these system calls, too, on kernels of other kinds.
	for (std::string_view name : {"stock", "module", "uring"}) {
		try {
			select_backend(name);
			register_paths(name);
		} catch (const std::exception &error) {
			std::cerr << "without the backend " << name << ": " << error.what() << "\n";
		}
	}
	benchmark::Initialize(&argc, argv);
	if (benchmark::ReportUnrecognizedArguments(argc, argv))
		return 1;
	benchmark::RunSpecifiedBenchmarks();
	return 0;
}
