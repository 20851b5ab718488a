// SPDX-License-Identifier: GPL-2.0
/* Loading and removing privpipe_harden.ko: when it refuses, and that it leaves nothing behind. */
#include "harden/control.hh"
#include "harden/seen.hh"
#include "pipe/fuse.hh"
#include "pipe/kinds.hh"
#include "pipe/pipe.hh"
#include "support/async.hh"
#include "support/child.hh"
#include "support/files.hh"

#include <gtest/gtest.h>

#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <set>
#include <stdexcept>
#include <system_error>
#include <thread>

using namespace std::chrono_literals;

namespace {

std::string replaced(std::string image, std::string_view from, std::string_view to)
{
	EXPECT_EQ(from.size(), to.size());
	EXPECT_NE(image.find(from), std::string::npos);
	for (size_t at = 0; (at = image.find(from, at)) != std::string::npos; at += to.size())
		image.replace(at, to.size(), to);
	return image;
}

/* A function of the kernel's that has a name of @length and can't be traced. */
std::string untraceable(size_t length)
{
	std::ifstream traceable("/sys/kernel/tracing/available_filter_functions");
	std::ifstream symbols("/proc/kallsyms");
	std::set<std::string> others;

	for (std::string name, line; traceable >> name; std::getline(traceable, line))
		others.insert(name);
	EXPECT_TRUE(others.contains("filemap_splice_read"));
	for (std::string address, type, name, line; symbols >> address >> type >> name;
	     std::getline(symbols, line))
		if ((type == "t" || type == "T") && name.size() == length && !others.contains(name))
			return name;
	throw std::runtime_error("all functions can be traced");
}

/*
 * A task of that name that sleeps in the module's vmsplice(), for want of room in a pipe, and so
 * holds the module until the kernel disturbs it after 15 s.
 */
class Holder {
public:
	bool waits() { return call_.waits(); }
	/** Makes room. */
	void expect_to_go_on()
	{
		EXPECT_TRUE(same(drain(pipe_.in()), before_));
		EXPECT_EQ(call_.get(), moved(1)) << "not as if nothing had happened";
	}

private:
	Pipe pipe_ = make_stock_pipe();
	std::string before_ = fill(pipe_);
	Async<Result> call_{[this] {
		prctl(PR_SET_NAME, "holder");
		return do_vmsplice(pipe_.out(), "x");
	}};
};

} // namespace

TEST(Loading, ChangesPipesUntilItIsRemoved)
{
	KernelLog log;

	EXPECT_EQ(harden(), moved(0));
	EXPECT_EQ(file_in_pipe(), Seen::old_bytes);
	EXPECT_EQ(soften(), moved(0));
	expect_untouched();
	EXPECT_TRUE(log.says("privpipe_harden: enforce: pipes get copies from now on"))
		<< log.text();
	EXPECT_TRUE(log.says("privpipe_harden: pipes share pages again")) << log.text();
}

TEST(Loading, OfAnUnknownModeIsRefused)
{
	KernelLog log;

	EXPECT_EQ(harden("mode=sleep"), failed(EINVAL));
	EXPECT_TRUE(log.says("privpipe_harden: mode is enforce, audit or off, not sleep"))
		<< log.text();
	expect_untouched();
}

TEST(Loading, TwiceIsRefused)
{
	ASSERT_EQ(harden(), moved(0));
	EXPECT_EQ(load_image(module_image()), failed(EEXIST));
	EXPECT_EQ(file_in_pipe(), Seen::old_bytes);
	EXPECT_EQ(soften(), moved(0));
}

TEST(Loading, BesideAnotherLivepatchOfTheSameFunctionIsRefused)
{
	const std::string rival = "privpipe_rivals";
	KernelLog log;

	/* The same thing under another name is another livepatch to the kernel. */
	ASSERT_EQ(load_image(replaced(module_image(), "privpipe_harden", rival)), moved(0));
	EXPECT_EQ(load_image(module_image()), failed(EBUSY));
	EXPECT_TRUE(log.says("privpipe_harden: filemap_splice_read is already redirected"))
		<< log.text();
	EXPECT_TRUE(log.says("privpipe_harden: not loaded, nothing is changed")) << log.text();
	EXPECT_EQ(file_in_pipe(), Seen::old_bytes); /* by the rival */
	EXPECT_EQ(soften(rival), moved(0));
	expect_untouched();
}

/* A function of its own that it left traced would be in memory that is used for something else. */
TEST(Loading, AgainAfterALivepatchThatReplacesAllOthers)
{
	ASSERT_EQ(harden(), moved(0));
	ASSERT_EQ(load_image(module_image("replacing")), moved(0));
	while (in_transition("replacing"))
		std::this_thread::sleep_for(10ms);
	EXPECT_EQ(file_in_pipe(), Seen::new_bytes);
	EXPECT_EQ(soften(), moved(0));
	expect_untouched();

	EXPECT_EQ(harden(), moved(0));
	EXPECT_EQ(file_in_pipe(), Seen::old_bytes);
	EXPECT_EQ(soften(), moved(0));
	EXPECT_EQ(soften("replacing"), moved(0));
	expect_untouched();
}

TEST(Loading, WhereAFunctionIsMissingIsRefused)
{
	KernelLog log;

	EXPECT_EQ(load_image(replaced(module_image(), "shmem_file_splice_read",
				      "shmem_file_splice_raed")),
		  failed(EINVAL));
	EXPECT_TRUE(
		log.says("privpipe_harden: shmem_file_splice_raed is not there or can't be traced"))
		<< log.text();
	expect_untouched();
}

TEST(Loading, WhereAFunctionHasAnotherVersionIsRefused)
{
	std::string image = module_image();
	KernelLog log;

	/* Newer kernels have no versions, only types. */
	if (image.find(" modversions ") == std::string::npos)
		return;

	/* Among the versions a checksum of its type stands before each name. */
	const std::string name = "skb_splice_bits" + std::string(20, '\0');
	size_t at = image.find(name);

	ASSERT_NE(at, std::string::npos);
	image[at - sizeof(long)] ^= 1;
	EXPECT_FALSE(load_image(image).ok());
	EXPECT_TRUE(log.says("privpipe_harden: disagrees about version of symbol skb_splice_bits"))
		<< log.text();
	expect_untouched();
}

TEST(Loading, WhereAFunctionHasAnotherTypeIsRefused)
{
	const std::string type = "s64 (struct pipe_inode_info *, struct pipe_buffer *)";
	const std::string other = "s64 (struct pipe_inode_info *, struct pipe_number *)";

	for (const char *mode : {"mode=enforce", "mode=audit"}) {
		KernelLog log;

		EXPECT_EQ(load_image(replaced(module_image(), type, other), mode), failed(ENOEXEC));
		EXPECT_TRUE(
			log.says(std::string("privpipe_harden: add_to_pipe is ")
					 .append(type)
					 .append(" in this kernel, but this module is made for ")
					 .append(other)))
			<< log.text();
		EXPECT_TRUE(log.says("privpipe_harden: not loaded, nothing is changed"))
			<< log.text();
		expect_untouched();
	}
}

TEST(Loading, WhereAStructureHasAnotherSizeIsRefused)
{
	const std::string name("\0splice_desc\0", 13), other("\0pipe_buffer\0", 13);
	KernelLog log;

	EXPECT_EQ(load_image(replaced(module_image(), name, other)), failed(ENOEXEC));
	EXPECT_TRUE(log.says("privpipe_harden: struct pipe_buffer has ")) << log.text();
	expect_untouched();
}

TEST(Loading, OfWhatItWasBuiltForComparesAllTypes)
{
	KernelLog log;

	EXPECT_EQ(harden(), moved(0));
	EXPECT_EQ(soften(), moved(0));
	EXPECT_FALSE(log.says("types can't be compared")) << log.text();
}

/* Null in 7.x, where function tracing can't be switched off. */
static std::unique_ptr<Setting> without_tracing()
{
	try {
		return std::make_unique<Setting>("/proc/sys/kernel/ftrace_enabled", "0");
	} catch (const std::system_error &error) {
		if (error.code().value() != EOPNOTSUPP)
			throw;
		return nullptr;
	}
}

TEST(Loading, WhereFunctionTracingIsOffIsRefused)
{
	if (const auto off = without_tracing()) {
		KernelLog log;

		EXPECT_EQ(load_image(module_image()), failed(EBUSY));
		EXPECT_TRUE(log.says("privpipe_harden: ftrace is disabled")) << log.text();
		EXPECT_EQ(load_image(module_image(), "mode=audit"), failed(EBUSY));
	}
	expect_untouched();
}

TEST(Loading, WhereAFunctionCannotBeTracedIsRefused)
{
	const std::string name = "shmem_file_splice_read", other = untraceable(name.size());
	KernelLog log;

	EXPECT_EQ(load_image(replaced(module_image(), name, other)), failed(EINVAL));
	EXPECT_TRUE(log.says("privpipe_harden: " + other + " is not there or can't be traced"))
		<< log.text();
	expect_untouched();
}

TEST(Buffers, StayValidBeforeAndAfter)
{
	const std::string bytes = pattern(default_capacity);
	File file(on_ext4, bytes);
	Pipe before = make_stock_pipe();
	Pipe meanwhile = make_stock_pipe();

	EXPECT_EQ(do_splice(file.fd(), before.out(), bytes.size()), moved(bytes.size()));
	ASSERT_EQ(harden(), moved(0));
	off64_t offset = 0;
	EXPECT_EQ(backend().splice(file.fd(), &offset, meanwhile.out(), nullptr, bytes.size(), 0),
		  moved(bytes.size()));
	EXPECT_TRUE(same(drain(before.in()), bytes));
	EXPECT_EQ(soften(), moved(0));
	EXPECT_TRUE(same(drain(meanwhile.in()), bytes));
}

/*
 * All sizes up to a pipe's, so that small and large folios are used again beside each other.
 * The task that loads the module also needs a share of an emulated CPU.
 */
TEST(Traffic, GoesOnWhileItComesAndGoes)
{
	constexpr auto pause = 10ms;
	const std::string bytes = pattern(default_capacity);
	std::atomic<bool> over = false;
	std::atomic<size_t> rounds = 0, wrong = 0;
	std::vector<std::thread> threads;
	auto next_size = [&] { return 1 + rounds++ * 4097 % default_capacity; };

	for (Kind kind : {Kind::ext4, Kind::tmpfs})
		threads.emplace_back([&, kind] {
			Fd file = open_seekable(kind, bytes);
			Pipe pipe = make_stock_pipe();

			while (!over) {
				const size_t size = next_size();
				off64_t offset = 0;
				Result in = backend().splice(file.get(), &offset, pipe.out(),
							     nullptr, size, 0);

				wrong += in != moved(size) ||
					 drain(pipe.in()) != bytes.substr(0, size);
				std::this_thread::sleep_for(pause);
			}
		});
	threads.emplace_back([&] {
		Mapping memory(default_capacity);
		Pipe pipe = make_stock_pipe();

		memory.fill(bytes);
		while (!over) {
			const size_t size = next_size();

			wrong += do_vmsplice(pipe.out(), memory.view().substr(0, size)) !=
					 moved(size) ||
				 drain(pipe.in()) != bytes.substr(0, size);
			std::this_thread::sleep_for(pause);
		}
	});
	for (int i = 0; i < 2; i++) {
		const size_t then = rounds;

		EXPECT_EQ(harden(), moved(0));
		while (rounds < then + 20 && !wrong)
			std::this_thread::sleep_for(1ms);
		EXPECT_EQ(soften(), moved(0));
	}
	over = true;
	for (std::thread &thread : threads)
		thread.join();
	EXPECT_EQ(wrong, 0u);
	EXPECT_GT(rounds, 100u);
}

TEST(Waiting, AThousandTasksInSpliceDoNotKeepItFromLoading)
{
	constexpr size_t tasks = 1000;
	Connection tcp = connect_kind(Kind::tcp, false);
	Fd file = open_seekable(Kind::tmpfs, std::string(tasks, 'x'));
	Pipe ready = make_stock_pipe();
	Pipe full = make_stock_pipe();
	std::vector<pid_t> children;

	fill(full);
	for (size_t i = 0; i < tasks; i++)
		if (pid_t pid = checked(fork(), "fork"); pid) {
			children.push_back(pid);
		} else {
			Pipe own = make_stock_pipe();

			put(ready.out(), "!");
			/* Half of them wait for data, half for room. */
			_exit((i % 2 ? do_splice(tcp.near.get(), own.out(), 1)
				     : do_splice(file.get(), full.out(), 1)) != moved(1));
		}
	EXPECT_EQ(get(ready.in(), tasks).size(), tasks);
	EXPECT_EQ(harden(), moved(0));
	EXPECT_EQ(file_in_pipe(), Seen::old_bytes);

	put(tcp.far.get(), std::string(tasks / 2, 'x'));
	std::thread reader([&] { get(full.in(), default_capacity + tasks / 2); });
	for (pid_t pid : children) {
		int status = -1;

		waitpid(pid, &status, 0);
		EXPECT_EQ(status, 0);
	}
	reader.join();
	EXPECT_EQ(soften(), moved(0));
}

/* A call that waits for room is past the entry that is replaced: it ends as it began. */
TEST(Waiting, AVmspliceForRoomNeitherKeepsItFromLoadingNorFails)
{
	Pipe pipe = make_stock_pipe();
	std::string before = fill(pipe);
	Async call([&] { return do_vmsplice(pipe.out(), "x"); });

	ASSERT_TRUE(call.waits());
	EXPECT_EQ(harden(), moved(0));
	EXPECT_TRUE(same(drain(pipe.in()), before));
	EXPECT_EQ(call.get(), moved(1));
	EXPECT_EQ(get(pipe.in(), 1), "x");
	EXPECT_EQ(soften(), moved(0));
}

TEST(Waiting, ATaskThatHoldsTheTransitionIsNamed)
{
	KernelLog log;

	ASSERT_EQ(harden(), moved(0));
	Holder holder;

	ASSERT_TRUE(holder.waits());
	disable();
	EXPECT_TRUE(log.says("privpipe_harden: still waiting for holder[", 14)) << log.text();
	EXPECT_TRUE(in_transition());
	EXPECT_EQ(soften(), moved(0));
	holder.expect_to_go_on();
}

/* As an administrator or systemd does, with Debian's kmod. */
TEST(Unit, IsActiveOncePipesGetCopiesAndUndoesThat)
{
	EXPECT_EQ(run(unit_says("ExecStart")).status, 0);
	EXPECT_FALSE(in_transition());
	EXPECT_EQ(file_in_pipe(), Seen::old_bytes);
	EXPECT_EQ(run(unit_says("ExecStart")).status, 0) << "loaded already";
	EXPECT_EQ(run(unit_says("ExecStop")).status, 0);
	expect_untouched();
	EXPECT_EQ(run(unit_says("ExecStop")).status, 0) << "removed already";
}

TEST(Unit, FailsWhereItCannotBeLoadedAndSaysWhy)
{
	if (const auto off = without_tracing()) {
		Said said = run(unit_says("ExecStart"));

		EXPECT_NE(said.status, 0);
		EXPECT_NE(said.words.find("ftrace is disabled"), std::string::npos) << said.words;
	}
	expect_untouched();
}

TEST(Unit, HardensWhereAModuleOnlyAudited)
{
	EXPECT_EQ(run("modprobe privpipe_harden mode=audit").status, 0);
	EXPECT_EQ(file_in_pipe(), Seen::new_bytes);
	EXPECT_EQ(run(unit_says("ExecStart")).status, 0);
	EXPECT_EQ(file_in_pipe(), Seen::old_bytes);
	EXPECT_EQ(run("modprobe -r privpipe_harden").status, 0);
	expect_untouched();
}

TEST(Unit, FailsWhileATaskHasNotChangedOver)
{
	FuseFile mounted("bytes");

	mounted.hold();

	Fd file(open(mounted.path().c_str(), O_RDONLY | O_CLOEXEC), "open a FUSE file");
	struct stat status;

	/* Makes the kernel ask for the size now, and learn that nobody waits for a flush. */
	checked(fstat(file.get(), &status), "fstat");
	checked(close(dup(file.get())), "close");

	Pipe pipe = make_stock_pipe();
	Async call([&] {
		off64_t offset = 0;

		prctl(PR_SET_NAME, "holder");
		return backend().splice(file.get(), &offset, pipe.out(), nullptr, 5, 0);
	});

	ASSERT_TRUE(call.waits());
	Said said = run("LIMIT=1 " + unit_says("ExecStart"));

	EXPECT_NE(said.status, 0);
	EXPECT_NE(said.words.find("holder["), std::string::npos) << said.words;
	mounted.release();
	EXPECT_EQ(call.get(), moved(5));
	EXPECT_EQ(get(pipe.in(), 5), "bytes");
	EXPECT_EQ(run(unit_says("ExecStart")).status, 0);
	EXPECT_EQ(file_in_pipe(), Seen::old_bytes);
	EXPECT_EQ(run(unit_says("ExecStop")).status, 0);
	expect_untouched();
}

/* An administrator wrote 0 to the livepatch's `enabled`. */
TEST(Unit, EnablesWhatWasDisabled)
{
	ASSERT_EQ(harden(), moved(0));
	disable();
	EXPECT_EQ(run(unit_says("ExecStart")).status, 0);
	EXPECT_EQ(file_in_pipe(), Seen::old_bytes);
	EXPECT_EQ(soften(), moved(0));
	expect_untouched();
}

TEST(Unit, DoesNotWaitForEverToStop)
{
	ASSERT_EQ(harden(), moved(0));
	Holder holder;

	ASSERT_TRUE(holder.waits());
	for (const std::string &command :
	     {unit_says("ExecStop"), std::string("modprobe -r privpipe_harden")}) {
		Said said = run("LIMIT=1 " + command);

		EXPECT_NE(said.status, 0);
		EXPECT_NE(said.words.find("holder["), std::string::npos) << said.words;
	}
	holder.expect_to_go_on();
	EXPECT_EQ(run(unit_says("ExecStop")).status, 0);
	expect_untouched();
}

/* In a run of their own, after suites for which the module was left loaded. */
TEST(Unloading, GivesTheOldPipesBack)
{
	EXPECT_EQ(file_in_pipe(), Seen::old_bytes);
	EXPECT_EQ(soften(), moved(0));
	EXPECT_EQ(file_in_pipe(), Seen::new_bytes);
}

/* There is no way back from this one. */
TEST(Lockdown, KeepsUnsignedModulesOut)
{
	KernelLog log;

	ASSERT_EQ(mount("security", "/sys/kernel/security", "securityfs", 0, nullptr), 0);
	ASSERT_TRUE(std::ofstream("/sys/kernel/security/lockdown") << "integrity" << std::flush);
	EXPECT_EQ(load_image(module_image()), failed(EPERM));
	EXPECT_TRUE(log.says("unsigned module loading is restricted")) << log.text();
	EXPECT_EQ(run("privpipe harden enforce").status, 7);
	EXPECT_EQ(run("privpipe harden status").status, 7);
	EXPECT_EQ(file_in_pipe(), Seen::new_bytes);
}
