// SPDX-License-Identifier: GPL-2.0
/* The structures of the ABI: sizes, tails, reserved members, flags, addresses. */
#include "pipe/kinds.hh"
#include "pipe/private.hh"
#include "support/files.hh"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <vector>

namespace {

/* One command with arguments that work, as often as one likes. */
struct Command {
	const char *name;
	unsigned number;
	size_t first_size; /* sizeof its structure in the first version: fixed for ever */
	bool on_device;
	bool on_pipe;
	std::vector<size_t> reserved; /* where a member that must be zero is */
	size_t flags_at;
	unsigned unknown_flag; /* the lowest; 0 for a structure without flags */

	friend void PrintTo(const Command &command, std::ostream *out) { *out << command.name; }
};

const Command commands[] = {
	{"create", PRIVPIPE_CREATE, 24, true, false, {20}, 4, O_APPEND},
	{"splice", PRIVPIPE_SPLICE, 48, false, true, {44}, 4, 1 << 4},
	{"vmsplice", PRIVPIPE_VMSPLICE, 24, false, true, {}, 4, 1 << 4},
	{"tee", PRIVPIPE_TEE, 24, false, true, {}, 4, 1 << 4},
	{"sendfile", PRIVPIPE_SENDFILE, 32, true, true, {}, 4, 1 << 0},
	{"resize", PRIVPIPE_RESIZE, 8, false, true, {}, 0, 0},
	{"query", PRIVPIPE_QUERY, 48, false, true, {}, 0, 0},
	{"arena", PRIVPIPE_ARENA, 24, true, false, {20}, 4, O_NONBLOCK},
};

} // namespace

class AbiStruct : public testing::TestWithParam<Command> {
protected:
	AbiStruct()
	{
		put(from.out(), "abc");
		memory.fill(good());
	}

	const Command &command() const { return GetParam(); }

	/* Arguments that work on fd(). */
	std::string good()
	{
		switch (command().number) {
		case PRIVPIPE_CREATE:
			return bytes_of(privpipe_create{});
		case PRIVPIPE_SPLICE:
			return bytes_of(privpipe_splice{
				.fd_in = zero.get(), .fd_out = pipe.out(), .len = 1});
		case PRIVPIPE_VMSPLICE:
			return bytes_of(privpipe_vmsplice{.iov = abi_address(&iov), .nr_segs = 1});
		case PRIVPIPE_TEE:
			return bytes_of(
				privpipe_tee{.fd_in = from.in(), .fd_out = pipe.out(), .len = 3});
		case PRIVPIPE_SENDFILE:
			return bytes_of(privpipe_sendfile{
				.fd_in = file.fd(), .fd_out = null.get(), .count = 1});
		case PRIVPIPE_RESIZE:
			return bytes_of(privpipe_resize{.capacity = 65536});
		case PRIVPIPE_QUERY:
			return bytes_of(privpipe_query{});
		default:
			return bytes_of(privpipe_arena{.length = page_size});
		}
	}

	template <class T>
	static std::string bytes_of(T args)
	{
		args.size = sizeof(args);
		return std::string(reinterpret_cast<const char *>(&args), sizeof(args));
	}

	int fd() const { return command().on_device ? private_backend().device() : pipe.out(); }
	Result run(void *args)
	{
		Result result = private_backend().command(fd(), command().number, args);

		if (result.ok() && command().number == PRIVPIPE_CREATE) {
			close_member(args, offsetof(privpipe_create, read_fd));
			close_member(args, offsetof(privpipe_create, write_fd));
		}
		if (result.ok() && command().number == PRIVPIPE_ARENA)
			close_member(args, offsetof(privpipe_arena, fd));
		return result;
	}
	static void close_member(const void *args, size_t at)
	{
		int opened;

		memcpy(&opened, static_cast<const char *>(args) + at, sizeof(opened));
		close(opened);
	}
	Result run() { return run(memory.data()); }
	/* With @size in the structure's first member. */
	Result run_sized(size_t size)
	{
		const __u32 said = static_cast<__u32>(size);

		memcpy(memory.data(), &said, sizeof(said));
		return run();
	}

	Pipe pipe = make_pipe();
	Pipe from = make_pipe();
	Fd zero = open_seekable(Kind::zero, "");
	Fd null = open_seekable(Kind::null, "");
	File file{on_tmpfs, "abc"};
	iovec iov = iovec_of("abc");
	Mapping memory{4 * page_size};
};

TEST_P(AbiStruct, WorksInItsFirstVersionWhateverItHasGrownTo)
{
	EXPECT_GE(run_sized(command().first_size).value, 0);
}

TEST_P(AbiStruct, TooSmallIsEinval)
{
	for (size_t size :
	     {size_t(0), size_t(1), size_t(4), command().first_size - 4, command().first_size - 1})
		EXPECT_EQ(run_sized(size), failed(EINVAL)) << size;
}

TEST_P(AbiStruct, LargerIsFineWhenTheTailIsZero)
{
	for (size_t size : {command().first_size + 64, page_size})
		EXPECT_GE(run_sized(size).value, 0) << size;
}

TEST_P(AbiStruct, LargerIsE2bigWhenTheTailIsNotZero)
{
	for (size_t at : {command().first_size + 63, command().first_size + 100}) {
		memory.fill("x", at);
		EXPECT_EQ(run_sized(at + 1), failed(E2BIG)) << at;
		memory.fill(std::string(1, '\0'), at);
	}
}

TEST_P(AbiStruct, LargerThanAPageIsE2big)
{
	for (size_t size : {page_size + 1, 2 * page_size, size_t(~0u)})
		EXPECT_EQ(run_sized(size), failed(E2BIG)) << size;
}

TEST_P(AbiStruct, AtABadAddressIsEfault)
{
	EXPECT_EQ(run(nowhere()), failed(EFAULT));
	EXPECT_EQ(run(nullptr), failed(EFAULT));
}

TEST_P(AbiStruct, ThatEndsInAForbiddenPageIsEfault)
{
	const std::string args = good();

	memory.fill(args, page_size - args.size() / 2);
	memory.forbid(page_size, page_size);
	EXPECT_EQ(run(memory.data() + page_size - args.size() / 2), failed(EFAULT));
}

TEST_P(AbiStruct, NeedNotBeAligned)
{
	memory.fill(good(), 3);
	EXPECT_GE(run(memory.data() + 3).value, 0);
}

class AbiReserved : public AbiStruct {};

TEST_P(AbiReserved, AReservedMemberThatIsNotZeroIsEinval)
{
	for (size_t at : GetParam().reserved) {
		memory.fill("x", at);
		EXPECT_EQ(run(), failed(EINVAL)) << at;
	}
}

class AbiFlags : public AbiStruct {};

TEST_P(AbiFlags, AnUnknownFlagIsEinval)
{
	for (unsigned flag : {command().unknown_flag, 1u << 31}) {
		memcpy(memory.data() + command().flags_at, &flag, sizeof(flag));
		EXPECT_EQ(run(), failed(EINVAL)) << flag;
	}
}

TEST_P(AbiStruct, IsKnownOnItsKindOfFileOnly)
{
	if (!command().on_device) {
		EXPECT_EQ(private_backend().command(private_backend().device(), command().number,
						    memory.data()),
			  failed(ENOTTY));
	}
	if (!command().on_pipe) {
		EXPECT_EQ(private_backend().command(pipe.in(), command().number, memory.data()),
			  failed(ENOTTY));
	}
}

static std::vector<Command> commands_with(bool (*property)(const Command &))
{
	std::vector<Command> some;

	std::copy_if(std::begin(commands), std::end(commands), std::back_inserter(some), property);
	return some;
}

INSTANTIATE_TEST_SUITE_P(Commands, AbiStruct, testing::ValuesIn(commands),
			 testing::PrintToStringParamName());
INSTANTIATE_TEST_SUITE_P(Commands, AbiReserved,
			 testing::ValuesIn(commands_with([](const Command &command) {
				 return !command.reserved.empty();
			 })),
			 testing::PrintToStringParamName());
INSTANTIATE_TEST_SUITE_P(Commands, AbiFlags,
			 testing::ValuesIn(commands_with([](const Command &command) {
				 return command.unknown_flag != 0;
			 })),
			 testing::PrintToStringParamName());

TEST(AbiCommand, AnUnknownNumberIsEnotty)
{
	Pipe pipe = make_pipe();
	privpipe_query args = {.size = sizeof(args)};

	const unsigned unknown[] = {PRIVPIPE_ARENA + 1, _IO(PRIVPIPE_IOC_TYPE, 0xff),
				    _IOR(PRIVPIPE_IOC_TYPE, PRIVPIPE_CMD_QUERY, args), 0};

	for (unsigned number : unknown)
		EXPECT_EQ(private_backend().command(pipe.in(), number, &args), failed(ENOTTY))
			<< number;
}

TEST(AbiCommand, AnUnknownPolicyIsEinval)
{
	Fd zero = open_seekable(Kind::zero, "");
	Pipe pipe = make_pipe();

	for (unsigned policy : {PRIVPIPE_POLICY_ALWAYS + 1u, ~0u}) {
		privpipe_splice args = {.size = sizeof(args),
					.fd_in = zero.get(),
					.fd_out = pipe.out(),
					.len = 1,
					.policy = policy};

		EXPECT_EQ(private_backend().command(pipe.out(), PRIVPIPE_SPLICE, &args),
			  failed(EINVAL));
	}
}

TEST(AbiCommand, ThePipeItIsMadeOnHasToBeOneOfThePipesItNames)
{
	Pipe one = make_pipe();
	Pipe other = make_pipe();
	Pipe bystander = make_pipe();
	privpipe_splice splice = {
		.size = sizeof(splice), .fd_in = one.in(), .fd_out = other.out(), .len = 1};
	privpipe_tee tee = {
		.size = sizeof(tee), .fd_in = one.in(), .fd_out = other.out(), .len = 1};

	put(one.out(), "abc");
	EXPECT_EQ(private_backend().command(bystander.in(), PRIVPIPE_SPLICE, &splice),
		  failed(EINVAL));
	EXPECT_EQ(private_backend().command(bystander.in(), PRIVPIPE_TEE, &tee), failed(EINVAL));
	EXPECT_EQ(drain(one.in()), "abc");
}

TEST(AbiCommand, CreateIntoMemoryThatCannotBeWrittenIsEfaultAndLeavesNoDescriptor)
{
	Mapping memory(page_size);
	privpipe_create args = {.size = sizeof(args)};
	int next = dup(0);

	close(next);
	memcpy(memory.data(), &args, sizeof(args));
	memory.protect_from_writes();
	EXPECT_EQ(private_backend().command(private_backend().device(), PRIVPIPE_CREATE,
					    memory.data()),
		  failed(EFAULT));

	Fd again(dup(0));

	EXPECT_EQ(again.get(), next);
}

TEST(AbiCommand, QueryTellsWhatIsInThePipeAndHowItCameThere)
{
	Pipe pipe = make_pipe(0, 8 * page_size);
	privpipe_query args = {.size = sizeof(args)};

	put(pipe.out(), pattern(5000));
	get(pipe.in(), 1000);
	ASSERT_EQ(private_backend().command(pipe.in(), PRIVPIPE_QUERY, &args), moved(0));
	EXPECT_EQ(args.size, sizeof(args));
	EXPECT_EQ(args.capacity, 8 * page_size);
	EXPECT_EQ(args.unread, 4000u);
	EXPECT_EQ(args.copied, 5000u);
	EXPECT_EQ(args.taken, 0u);
	EXPECT_EQ(args.moved, 0u);
	EXPECT_GE(args.held, 4000u);
}
