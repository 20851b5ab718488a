// SPDX-License-Identifier: GPL-2.0
/*
 * Measures the cost of moving bytes through a pipe on this machine, with each backend that is
 * available. A benchmark is named backend/path/bytes per call. docs/bench.md tells how to run it.
 */
#include "pipe/backend.hh"
#include "support/fd.hh"

#include <benchmark/benchmark.h>

#include <linux/magic.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/vfs.h>

#include <algorithm>
#include <csignal>
#include <functional>
#include <iostream>
#include <map>
#include <mutex>
#include <thread>

namespace {

constexpr size_t KiB = 1 << 10, MiB = 1 << 20;

/* A call that has to move everything, or the figures mean nothing. */
void all(Result result, size_t len, const char *what)
{
	if (!result.ok() || result.bytes() != len)
		throw_errno(what, result.ok() ? EIO : static_cast<int>(-result.value));
}

size_t some(Result result, const char *what)
{
	if (!result.bytes())
		throw_errno(what, result.ok() ? EIO : static_cast<int>(-result.value));
	return result.bytes();
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

/*
 * The other end of a TCP connection: here, or on another machine, which runs this program with
 * --peer=PORT. The first byte of each connection says what it is there for.
 */
constexpr char copies = 'c', discards = 'd', sends = 's';

void serve(const Fd &connection)
{
	std::vector<char> buffer(256 * KiB);
	char purpose = 0;

	recv(connection.get(), &purpose, 1, 0);
	while (purpose == sends
		       ? send(connection.get(), buffer.data(), buffer.size(), MSG_NOSIGNAL) > 0
		       : recv(connection.get(), buffer.data(), buffer.size(),
			      purpose == discards ? MSG_TRUNC : 0) > 0)
		;
}

/* Serves connections for good. */
[[noreturn]] void serve_all(const Fd &listener)
{
	for (;;) {
		Fd connection(accept(listener.get(), nullptr, nullptr));

		if (connection.get() >= 0)
			std::thread(serve, std::move(connection)).detach();
	}
}

/* For everybody, or for this machine at any port if @port is 0. */
Fd listen_on(in_port_t port)
{
	sockaddr_in address{};
	Fd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
	const int on = 1;

	address.sin_family = AF_INET;
	address.sin_port = htons(port);
	address.sin_addr.s_addr = htonl(port ? INADDR_ANY : INADDR_LOOPBACK);
	checked(setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)),
		"SO_REUSEADDR");
	checked(bind(listener.get(), reinterpret_cast<sockaddr *>(&address), sizeof(address)),
		"bind");
	checked(listen(listener.get(), SOMAXCONN), "listen");
	return listener;
}

/* Where the other end is: PEER=HOST:PORT, or this process. */
std::string peer()
{
	if (const char *given = getenv("PEER"); given && *given)
		return given;

	static const std::string own = [] {
		Fd listener = listen_on(0);
		sockaddr_in address{};
		socklen_t len = sizeof(address);

		checked(getsockname(listener.get(), reinterpret_cast<sockaddr *>(&address), &len),
			"getsockname");
		std::thread(serve_all, std::move(listener)).detach();
		return "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
	}();
	return own;
}

Fd connect_for(char purpose)
{
	const std::string where = peer();
	const size_t colon = where.rfind(':');
	addrinfo hints{};
	addrinfo *found = nullptr;

	hints.ai_family = AF_INET;
	hints.ai_socktype = SOCK_STREAM;
	if (colon == std::string::npos ||
	    getaddrinfo(where.substr(0, colon).c_str(), where.substr(colon + 1).c_str(), &hints,
			&found) != 0)
		throw std::runtime_error("PEER=" + where + " is not HOST:PORT");

	const std::unique_ptr<addrinfo, void (*)(addrinfo *)> addresses(found, freeaddrinfo);
	Fd fd(socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");

	checked(connect(fd.get(), found->ai_addr, found->ai_addrlen), "connect to " + where);
	all(result_of(send(fd.get(), &purpose, 1, 0)), 1, "send");
	return fd;
}

/* A file in the folder TMPDIR, or /tmp, which is read again and again, from the cache or not. */
class Source {
public:
	Source(size_t size, bool cold) : size_(size), cold_(cold)
	{
		const char *folder = getenv("TMPDIR");
		std::vector<char> bytes(size, 'x');
		struct statfs fs {};

		file_ = Fd(open(folder ? folder : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600),
			   "a temporary file");
		checked(fstatfs(file_.get(), &fs), "fstatfs");
		if (cold && fs.f_type == TMPFS_MAGIC)
			throw std::runtime_error("TMPDIR is on a tmpfs, which has no cold files");
		all(result_of(write(file_.get(), bytes.data(), size)), size, "write");
		checked(fsync(file_.get()), "fsync");
		/* With SPLICE_F_MOVE, steal takes what is not cached. */
		if (cold)
			posix_fadvise(file_.get(), 0, 0, POSIX_FADV_NOREUSE);
		cool();
	}

	int fd() const { return file_.get(); }
	off64_t *at() { return &at_; }

	/* Begins again where the file ends; what a cold file needs for that is not measured. */
	void rewind(benchmark::State &state)
	{
		if (at_ < static_cast<off64_t>(size_))
			return;
		at_ = 0;
		if (!cold_)
			return;
		state.PauseTiming();
		cool();
		state.ResumeTiming();
	}

private:
	void cool() const
	{
		if (cold_)
			posix_fadvise(file_.get(), 0, 0, POSIX_FADV_DONTNEED);
	}

	size_t size_;
	bool cold_;
	Fd file_;
	off64_t at_ = 0;
};

void splice_all(int in, int out, size_t len)
{
	while (len)
		len -= some(backend().splice(in, nullptr, out, nullptr, len, 0), "splice");
}

/* Moves @len bytes through a pipe, which holds as many, in as many calls as it takes. */
void splice_through(const Pipe &pipe, int in, off64_t *at, int out, size_t len, unsigned flags = 0)
{
	while (len) {
		const size_t n = some(backend().splice(in, at, pipe.out.get(), nullptr, len, flags),
				      "splice");

		splice_all(pipe.in.get(), out, n);
		len -= n;
	}
}

void read_all(const Pipe &pipe, std::vector<char> &bytes)
{
	for (size_t done = 0; done < bytes.size();)
		done += some(backend().read(pipe.in.get(), bytes.data(), bytes.size() - done),
			     "read");
}

using Path = std::function<void(benchmark::State &state, size_t len)>;

constexpr char null = 'n'; /* or a purpose of the other end */

/* From a file through @pipes pipes that take turns to @to. */
Path file_to(char to, size_t size, bool cold = false, size_t pipes = 1)
{
	return [=](benchmark::State &state, size_t len) {
		Source file(std::max(size, len), cold);
		const unsigned flags = cold ? SPLICE_F_MOVE : 0;
		std::vector<Pipe> ring;
		Fd out =
			to == null ? Fd(open("/dev/null", O_WRONLY), "/dev/null") : connect_for(to);
		size_t turn = 0;

		while (ring.size() < pipes)
			ring.emplace_back(len);
		while (state.KeepRunning()) {
			splice_through(ring[turn++ % pipes], file.fd(), file.at(), out.get(), len,
				       flags);
			file.rewind(state);
		}
	};
}

Path sendfile_to(char to, size_t size, bool cold = false)
{
	return [=](benchmark::State &state, size_t len) {
		Source file(std::max(size, len), cold);
		Fd out = connect_for(to);

		while (state.KeepRunning()) {
			all(backend().sendfile(out.get(), file.fd(), file.at(), len), len,
			    "sendfile");
			file.rewind(state);
		}
	};
}

Path read_and_write_to(char to)
{
	return [=](benchmark::State &state, size_t len) {
		Source file(std::max(4 * MiB, len), false);
		std::vector<char> bytes(len);
		Fd out = connect_for(to);

		while (state.KeepRunning()) {
			all(result_of(pread(file.fd(), bytes.data(), len, *file.at())), len,
			    "read");
			all(result_of(write(out.get(), bytes.data(), len)), len, "write");
			*file.at() += static_cast<off64_t>(len);
			file.rewind(state);
		}
	};
}

/* As cat | wc. */
void file_read(benchmark::State &state, size_t len)
{
	Source file(std::max(4 * MiB, len), false);
	std::vector<char> bytes(len);
	Pipe pipe(len);

	while (state.KeepRunning()) {
		all(backend().splice(file.fd(), file.at(), pipe.out.get(), nullptr, len, 0), len,
		    "splice");
		read_all(pipe, bytes);
		file.rewind(state);
	}
}

void tcp_tcp(benchmark::State &state, size_t len)
{
	Fd from = connect_for(sends), to = connect_for(copies);
	Pipe pipe(len);

	while (state.KeepRunning())
		splice_through(pipe, from.get(), nullptr, to.get(), len);
}

void write_read(benchmark::State &state, size_t len)
{
	std::vector<char> bytes(len);
	Pipe pipe(std::max(len, 64 * KiB));

	while (state.KeepRunning()) {
		all(backend().write(pipe.out.get(), bytes.data(), len), len, "write");
		read_all(pipe, bytes);
	}
}

/* The reader is another thread. */
void write_read_apart(benchmark::State &state, size_t len)
{
	std::vector<char> bytes(len);
	Pipe pipe(std::max(len, 64 * KiB));
	/* It ends with the write end, and a write without it fails. */
	const std::jthread reader(
		[in = std::move(pipe.in), into = std::vector<char>(len)]() mutable {
			while (backend().read(in.get(), into.data(), into.size()).value > 0)
				;
			in.reset();
		});
	const Fd out = std::move(pipe.out);

	while (state.KeepRunning())
		all(backend().write(out.get(), bytes.data(), len), len, "write");
}

void tee_both_read(benchmark::State &state, size_t len)
{
	std::vector<char> bytes(len);
	Pipe first(len), second(len);

	while (state.KeepRunning()) {
		all(backend().write(first.out.get(), bytes.data(), len), len, "write");
		all(backend().tee(first.in.get(), second.out.get(), len, 0), len, "tee");
		read_all(first, bytes);
		read_all(second, bytes);
	}
}

void pipe_pipe(benchmark::State &state, size_t len)
{
	std::vector<char> bytes(len);
	Pipe first(len), second(len);

	while (state.KeepRunning()) {
		all(backend().write(first.out.get(), bytes.data(), len), len, "write");
		splice_all(first.in.get(), second.out.get(), len);
		read_all(second, bytes);
	}
}

/* Memory that is written anew each time, to a reader of the pipe, or to @to. */
Path memory(unsigned flags, char to = 0)
{
	return [=](benchmark::State &state, size_t len) {
		std::vector<char> bytes(len);
		Fd out = to ? connect_for(to) : Fd();
		Pipe pipe(len);
		void *given = backend().map_gift(len);
		iovec iov = {.iov_base = given, .iov_len = len};

		while (state.KeepRunning()) {
			std::fill_n(static_cast<char *>(given), len, 'x');
			all(backend().vmsplice(pipe.out.get(), &iov, 1, flags), len, "vmsplice");
			if (to)
				splice_all(pipe.in.get(), out.get(), len);
			else
				read_all(pipe, bytes);
		}
		munmap(given, len);
	};
}

/* The same by write(2), straight to the socket. */
void memory_write(benchmark::State &state, size_t len)
{
	std::vector<char> bytes(len);
	Fd out = connect_for(copies);

	while (state.KeepRunning()) {
		std::ranges::fill(bytes, 'x');
		all(result_of(write(out.get(), bytes.data(), len)), len, "write");
	}
}

struct Row {
	const char *name;
	Path run;
	std::vector<size_t> sizes; /* bytes per call */
	int at_once = 1;
	bool without_pipe = false;
};

/* Those of the lab. */
const std::vector<Row> rows = {
	{"file-null", file_to(null, 4 * MiB), {64 * KiB, MiB}},
	{"file-read", file_read, {64 * KiB}},
	{"file-tcp-copied",
	 file_to(copies, 4 * MiB),
	 {4 * KiB, 16 * KiB, 64 * KiB, 256 * KiB, MiB}},
	{"file-tcp-discarded", file_to(discards, 4 * MiB), {64 * KiB, MiB}},
	{"file-tcp-copied-two", file_to(copies, 4 * MiB), {64 * KiB}, 2},
	{"file-tcp-copied-1000-pipes", file_to(copies, 4 * MiB, false, 1000), {64 * KiB}},
	{"cold-file-tcp-discarded", file_to(discards, 64 * MiB, true), {64 * KiB, MiB}},
	{"sendfile-copied", sendfile_to(copies, 4 * MiB), {64 * KiB, MiB}},
	{"sendfile-discarded", sendfile_to(discards, 4 * MiB), {64 * KiB, MiB}},
	{"sendfile-small-discarded", sendfile_to(discards, 0), {4 * KiB, 16 * KiB, 64 * KiB}},
	{"cold-sendfile-discarded", sendfile_to(discards, 64 * MiB, true), {64 * KiB}},
	{"read-write-copied", read_and_write_to(copies), {64 * KiB, MiB}, 1, true},
	{"read-write-discarded", read_and_write_to(discards), {64 * KiB, MiB}, 1, true},
	{"tcp-tcp", tcp_tcp, {16 * KiB, 64 * KiB}},
	{"write-read", write_read, {64, 4 * KiB, 64 * KiB, MiB}},
	{"write-read-apart", write_read_apart, {4 * KiB, 64 * KiB, MiB}},
	{"write-read-two", write_read, {64, 4 * KiB, 64 * KiB, MiB}, 2},
	{"tee-both-read", tee_both_read, {4 * KiB, 64 * KiB}},
	{"pipe-pipe", pipe_pipe, {64 * KiB, MiB}},
	{"vmsplice-read", memory(0), {64 * KiB, MiB}},
	{"gift-read", memory(SPLICE_F_GIFT), {64 * KiB, MiB}},
	{"vmsplice-tcp", memory(0, copies), {64 * KiB}},
	{"gift-tcp", memory(SPLICE_F_GIFT, copies), {64 * KiB}},
	{"write-tcp", memory_write, {64 * KiB}, 1, true},
};

/* Several threads of a benchmark use the backend that the first of them selects. */
void use(const std::string &name)
{
	static std::mutex lock;
	static std::string used;
	const std::lock_guard guard(lock);

	if (used != name)
		select_backend(name);
	used = name;
}

void register_rows(const std::string &name)
{
	for (const Row &row : rows) {
		if (row.without_pipe && name != "stock")
			continue;

		auto run = [name, &row](benchmark::State &state) {
			try {
				use(name);
				row.run(state, static_cast<size_t>(state.range(0)));
			} catch (const std::exception &error) {
				state.SkipWithError(error.what());
			}
			state.SetBytesProcessed(state.iterations() * state.range(0));
		};
		auto *made = benchmark::RegisterBenchmark((name + "/" + row.name).c_str(), run);

		for (size_t size : row.sizes)
			made->Arg(static_cast<int64_t>(size));
		if (row.at_once > 1)
			made->Threads(row.at_once);
		/* Both ends work for it. */
		made->MeasureProcessCPUTime()->UseRealTime();
	}
}

/* Prints what the library does, and in the end the rates of all backends compared with stock's. */
class Ratios : public benchmark::ConsoleReporter {
public:
	void ReportRuns(const std::vector<Run> &runs) override
	{
		ConsoleReporter::ReportRuns(runs);
		for (const Run &run : runs) {
			const std::string name = run.run_name.str();
			const size_t slash = name.find('/');

			/* Without one it has failed. */
			if (run.real_accumulated_time > 0 &&
			    (run.aggregate_name.empty() || run.aggregate_name == "median"))
				times[name.substr(slash)][name.substr(0, slash)] = {
					run.GetAdjustedRealTime(), run.GetAdjustedCPUTime()};
		}
	}

	void Finalize() override
	{
		std::multimap<double, std::string> lines; /* the worst first */

		for (auto &[row, by] : times)
			for (const auto &[name, time] : by)
				if (name != "stock" && by.contains("stock"))
					lines.emplace(by["stock"].real / time.real,
						      std::to_string(by["stock"].cpu / time.cpu) +
							      " " + name + row);
		if (!lines.empty())
			GetOutputStream() << "rate/stock: elapsed, CPU\n";
		for (const auto &[rate, rest] : lines)
			GetOutputStream() << std::to_string(rate) << " " << rest << "\n";
	}

private:
	struct Times {
		double real, cpu;
	};

	std::map<std::string, std::map<std::string, Times>> times;
};

} // namespace

int main(int argc, char **argv)
{
	const std::string_view option = "--peer=";

	if (argc == 2 && std::string_view(argv[1]).starts_with(option))
		serve_all(listen_on(static_cast<in_port_t>(atoi(argv[1] + option.size()))));

	// A thousand pipes are two thousand descriptors, and a peer may stop.
	rlimit files{};

	checked(getrlimit(RLIMIT_NOFILE, &files), "getrlimit");
	files.rlim_cur = files.rlim_max;
	checked(setrlimit(RLIMIT_NOFILE, &files), "setrlimit");
	signal(SIGPIPE, SIG_IGN);

	// The tests' other backends are these system calls, too, on kernels of other kinds.
	for (const char *name : {"stock", "module", "uring"}) {
		try {
			select_backend(name);
			register_rows(name);
		} catch (const std::exception &error) {
			std::cerr << "without the backend " << name << ": " << error.what() << "\n";
		}
	}
	benchmark::Initialize(&argc, argv);
	if (benchmark::ReportUnrecognizedArguments(argc, argv))
		return 1;

	Ratios ratios;
	benchmark::RunSpecifiedBenchmarks(&ratios);
	return 0;
}
