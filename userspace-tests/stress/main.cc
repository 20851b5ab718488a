// SPDX-License-Identifier: GPL-2.0
/*
 * privpipe-stress: random programs on a stock pipe and on another backend's side by side.
 * Prints the seed first, and for a difference the shortest program found that shows it.
 *
 * A kernel whose stock pipes are another's beside it has none to compare with: --record writes
 * down what the stock pipes of one kernel answer, --compare looks on another one whether its
 * own answer the same.
 */
#include "stress/duel.hh"
#include "stress/shrink.hh"

#include <getopt.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <sstream>
#include <thread>

namespace {

using namespace std::chrono_literals;

/* Short programs shrink quickly; starting afresh costs little. */
constexpr size_t program_length = 400;

struct Options {
	unsigned long ops = 20000;
	unsigned long seed = static_cast<unsigned long>(time(nullptr));
	std::string backend = "module";
	std::string replay;
	std::string record;
	std::string compare;
};

std::atomic<unsigned long> steps;
Program running;

/* An operation that blocks is a finding, too: nothing here may. */
[[noreturn]] void watch(const Duel &duel)
{
	sigset_t every;

	sigfillset(&every);
	pthread_sigmask(SIG_BLOCK, &every, nullptr);
	for (;;) {
		unsigned long before = steps;

		std::this_thread::sleep_for(30s);
		if (steps != before)
			continue;
		printf("FAILED: the last operation hangs\n");
		for (size_t i = 0; i <= duel.at() && i < running.size(); i++)
			printf("%s\n", to_text(running[i]).c_str());
		fflush(stdout);
		_exit(EXIT_FAILURE);
	}
}

/* How many operations of @program pass; if not all, @what has the reason. */
size_t passed(Duel &duel, const Program &program, std::string *what)
{
	running = program;
	steps++;
	return duel.run(program, what);
}

bool differs(Duel &duel, const Program &program)
{
	std::string what;

	return passed(duel, program, &what) < program.size();
}

void print(const Program &program)
{
	for (const Op &op : program)
		printf("%s\n", to_text(op).c_str());
}

void report(Duel &duel, const Program &program, const std::string &first)
{
	std::string what;

	/* A log has results only for its own operations, in their order. */
	if (duel.stock().is_replaying()) {
		printf("FAILED: %s\n", first.c_str());
		return print(program);
	}

	printf("FAILED: %s\nshrinking %zu operations ...\n", first.c_str(), program.size());
	if (!differs(duel, program)) {
		printf("# it does not happen every time\n");
		return print(program);
	}

	Program shortest =
		shrink(program, [&](const Program &candidate) { return differs(duel, candidate); });

	passed(duel, shortest, &what);
	printf("# %s\n", what.c_str());
	print(shortest);
}

int run_random(Duel &duel, const Options &options)
{
	Random random(options.seed);
	auto begin = std::chrono::steady_clock::now();
	unsigned long done = 0;

	while (done < options.ops) {
		Program program(std::min<size_t>(program_length, options.ops - done));
		std::string what;

		for (Op &op : program)
			op = random_op(random);
		size_t good = passed(duel, program, &what);

		/*
		 * A stock pipe moves less, when it can't have all the pages at once. That
		 * does not happen in the same place every time.
		 */
		for (int tries = duel.stock().is_replaying() ? 0 : 5;
		     tries && good < program.size() && duel.stock_was_short(); tries--)
			good = passed(duel, program, &what);
		if (good < program.size()) {
			printf("seed %lu, operation %lu\n", options.seed, done + good);
			/* Nothing behind the operation that showed it matters. */
			program.resize(good + 1);
			report(duel, program, what);
			return EXIT_FAILURE;
		}
		done += program.size();
	}

	std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;

	printf("%lu operations in %.1f s, no difference\n", done, took.count());
	return EXIT_SUCCESS;
}

int replay(Duel &duel, const std::string &path)
{
	std::ifstream file(path);
	Program program;
	std::string what;

	for (std::string line; std::getline(file, line);) {
		if (line.empty() || line[0] == '#')
			continue;
		auto op = from_text(line);

		if (!op) {
			fprintf(stderr, "%s: no operation: %s\n", path.c_str(), line.c_str());
			return 2;
		}
		program.push_back(*op);
	}

	size_t good = passed(duel, program, &what);

	if (good == program.size()) {
		printf("%zu operations, no difference\n", good);
		return EXIT_SUCCESS;
	}
	printf("operation %zu: %s\n%s\n", good + 1, to_text(program[good]).c_str(), what.c_str());
	return EXIT_FAILURE;
}

int usage(const char *name)
{
	fprintf(stderr,
		"usage: %s [--ops N] [--seed S] [--backend NAME] [--replay FILE]\n"
		"       %s [--ops N] [--seed S] [--backend NAME] --record FILE\n"
		"       %s [--backend NAME] --compare FILE\n",
		name, name, name);
	return 2;
}

} // namespace

int main(int argc, char **argv)
{
	const option names[] = {{"ops", required_argument, nullptr, 'n'},
				{"seed", required_argument, nullptr, 's'},
				{"backend", required_argument, nullptr, 'b'},
				{"replay", required_argument, nullptr, 'r'},
				{"record", required_argument, nullptr, 'w'},
				{"compare", required_argument, nullptr, 'c'},
				{}};
	Options options;

	for (int c; (c = getopt_long(argc, argv, "", names, nullptr)) != -1;) {
		if (c == 'n')
			options.ops = strtoul(optarg, nullptr, 0);
		else if (c == 's')
			options.seed = strtoul(optarg, nullptr, 0);
		else if (c == 'b')
			options.backend = optarg;
		else if (c == 'r')
			options.replay = optarg;
		else if (c == 'w')
			options.record = optarg;
		else if (c == 'c')
			options.compare = optarg;
		else
			return usage(argv[0]);
	}
	if (optind != argc)
		return usage(argv[0]);

	setvbuf(stdout, nullptr, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	try {
		if (!select_backend(options.backend))
			return usage(argv[0]);

		Duel duel(backend());

		std::thread(watch, std::cref(duel)).detach();

		if (!options.replay.empty())
			return replay(duel, options.replay);
		if (!options.compare.empty())
			std::istringstream(duel.stock().replay(options.compare)) >> options.seed >>
				options.ops;
		if (!options.record.empty())
			duel.stock().record(options.record, std::to_string(options.seed) + " " +
								    std::to_string(options.ops));
		printf("privpipe-stress --backend %s --ops %lu --seed %lu\n",
		       options.backend.c_str(), options.ops, options.seed);
		return run_random(duel, options);
	} catch (const std::exception &error) {
		printf("FAILED: %s\n", error.what());
		return EXIT_FAILURE;
	}
}
