// SPDX-License-Identifier: GPL-2.0
/* Arenas: memory whose pages can be given away. */
#include "pipe/kinds.hh"
#include "pipe/private.hh"
#include "support/child.hh"
#include "support/files.hh"

#include <gtest/gtest.h>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cstdint>

namespace {

constexpr size_t size = 4 * page_size;

Result make_arena(uint64_t length, int *fd, unsigned flags = O_CLOEXEC)
{
	privpipe_arena args = {.size = sizeof(args), .flags = flags, .length = length};
	Result made = private_backend().command(private_backend().device(), PRIVPIPE_ARENA, &args);

	*fd = args.fd;
	return made;
}

Fd arena_of(uint64_t length)
{
	int fd;
	Result made = make_arena(length, &fd);

	if (!made.ok())
		throw_errno("PRIVPIPE_ARENA", static_cast<int>(-made.value));
	return Fd(fd);
}

void *map(int fd, size_t length, int sharing = MAP_SHARED, off_t offset = 0)
{
	return mmap(nullptr, length, PROT_READ | PROT_WRITE, sharing, fd, offset);
}

size_t taken(const Pipe &pipe)
{
	privpipe_query args = {.size = sizeof(args)};

	EXPECT_EQ(private_backend().command(pipe.in(), PRIVPIPE_QUERY, &args), moved(0));
	return args.taken;
}

Result gift(const Pipe &pipe, std::string_view memory)
{
	return do_vmsplice(pipe.out(), memory, SPLICE_F_GIFT);
}

class Arena : public testing::Test {
protected:
	Arena() { memory.fill(bytes); }

	const std::string bytes = pattern(size);
	const std::string zeros = std::string(size, '\0');
	Fd fd = arena_of(size);
	Mapping memory{checked(map(fd.get(), size), "mmap"), size};
	Pipe pipe = make_pipe();
};

} // namespace

TEST_F(Arena, AllOfAGiftOfWholePagesIsTaken)
{
	EXPECT_EQ(gift(pipe, memory.view()), moved(size));
	EXPECT_EQ(taken(pipe), size);
	EXPECT_TRUE(same(memory.view(), zeros));
	EXPECT_TRUE(same(drain(pipe.in()), bytes));
}

TEST_F(Arena, WithoutGiftItIsOrdinaryMemory)
{
	EXPECT_EQ(do_vmsplice(pipe.out(), memory.view()), moved(size));
	EXPECT_EQ(taken(pipe), 0u);
	EXPECT_TRUE(same(memory.view(), bytes));
	EXPECT_TRUE(same(drain(pipe.in()), bytes));
}

TEST_F(Arena, PartsOfPagesAreCopiedAndStay)
{
	EXPECT_EQ(gift(pipe, memory.view().substr(100, 1000)), moved(1000));
	EXPECT_EQ(taken(pipe), 0u);
	EXPECT_TRUE(same(memory.view(), bytes));
	EXPECT_TRUE(same(drain(pipe.in()), bytes.substr(100, 1000)));
}

TEST_F(Arena, OfAnUnalignedGiftTheWholePagesInsideMayBeTakenAndNothingIsLost)
{
	std::string_view part = memory.view().substr(100, 3 * page_size);

	EXPECT_EQ(gift(pipe, part), moved(part.size()));
	EXPECT_TRUE(same(drain(pipe.in()), bytes.substr(100, part.size())));
	EXPECT_TRUE(same(memory.view().substr(0, page_size), bytes.substr(0, page_size)));
	EXPECT_TRUE(same(memory.view().substr(3 * page_size), bytes.substr(3 * page_size)));
}

TEST_F(Arena, OnlyWhatThePipeHasRoomForIsTaken)
{
	Pipe small = make_pipe(0, 2 * page_size);

	EXPECT_EQ(gift(small, memory.view()), moved(2 * page_size));
	EXPECT_TRUE(same(drain(small.in()), bytes.substr(0, 2 * page_size)));
	EXPECT_TRUE(same(memory.view(),
			 std::string(2 * page_size, '\0') + bytes.substr(2 * page_size)));
}

TEST_F(Arena, AGiftCanMixItWithOrdinaryMemory)
{
	const std::string ordinary = pattern(page_size, 0, 3);
	const iovec parts[] = {{memory.data(), page_size},
			       iovec_of(ordinary),
			       {memory.data() + page_size, 100},
			       {memory.data() + 2 * page_size, page_size}};

	EXPECT_EQ(backend().vmsplice(pipe.out(), parts, 4, SPLICE_F_GIFT),
		  moved(3 * page_size + 100));
	EXPECT_TRUE(same(drain(pipe.in()), bytes.substr(0, page_size) + ordinary +
						   bytes.substr(page_size, 100) +
						   bytes.substr(2 * page_size, page_size)));
	EXPECT_EQ(taken(pipe), 2 * page_size);
}

TEST_F(Arena, APageThatIsPinnedIsCopiedAndStays)
{
	Pipe holder = make_stock_pipe();
	iovec page = {memory.data(), page_size};

	/* A stock pipe refers to the page until it is read. */
	ASSERT_EQ(result_of(::vmsplice(holder.out(), &page, 1, 0)), moved(page_size));
	EXPECT_EQ(gift(pipe, memory.view()), moved(size));
	EXPECT_EQ(taken(pipe), size - page_size);
	EXPECT_TRUE(same(memory.view(),
			 bytes.substr(0, page_size) + std::string(size - page_size, '\0')));
	EXPECT_TRUE(same(drain(pipe.in()), bytes));
	EXPECT_TRUE(same(drain(holder.in()), bytes.substr(0, page_size)));
}

/* Giving a page away changes the memory, so it requires the right to write. */
TEST_F(Arena, PagesThatCannotBeWrittenAreCopiedAndStay)
{
	memory.protect_from_writes();
	EXPECT_EQ(gift(pipe, memory.view()), moved(size));
	EXPECT_EQ(taken(pipe), 0u);
	EXPECT_TRUE(same(memory.view(), bytes));
	EXPECT_TRUE(same(drain(pipe.in()), bytes));
}

TEST_F(Arena, PagesThatCannotBeReadAreAFault)
{
	memory.forbid(page_size, size - page_size);
	EXPECT_EQ(gift(pipe, memory.view().substr(page_size)), failed(EFAULT));
	EXPECT_EQ(gift(pipe, memory.view()), moved(page_size));
	EXPECT_TRUE(same(drain(pipe.in()), bytes.substr(0, page_size)));

	Mapping whole(checked(map(fd.get(), size), "mmap"), size);

	EXPECT_TRUE(same(whole.view().substr(page_size), bytes.substr(page_size)));
}

TEST_F(Arena, ProtectionKeysHoldForGifts)
{
	int key = pkey_alloc(0, PKEY_DISABLE_ACCESS);

	if (key < 0)
		return; /* this CPU has none */
	checked(pkey_mprotect(memory.data(), size, PROT_READ | PROT_WRITE, key), "pkey_mprotect");
	EXPECT_EQ(gift(pipe, memory.view()), failed(EFAULT));
	checked(pkey_set(key, PKEY_DISABLE_WRITE), "pkey_set");
	EXPECT_EQ(gift(pipe, memory.view()), moved(size));
	EXPECT_EQ(taken(pipe), 0u);
	checked(pkey_set(key, 0), "pkey_set");
	EXPECT_EQ(gift(pipe, memory.view()), moved(size));
	EXPECT_EQ(taken(pipe), size);
	EXPECT_TRUE(same(drain(pipe.in()), bytes + bytes));
	checked(pkey_mprotect(memory.data(), size, PROT_READ | PROT_WRITE, 0), "pkey_mprotect");
	pkey_free(key);
}

TEST_F(Arena, AGiftDisappearsFromEveryMapping)
{
	Mapping other(checked(map(fd.get(), size), "mmap"), size);

	ASSERT_TRUE(same(other.view(), bytes));
	EXPECT_EQ(gift(pipe, memory.view()), moved(size));
	EXPECT_TRUE(same(other.view(), zeros));
	other.fill(std::string(size, 'N'));
	EXPECT_TRUE(same(memory.view(), std::string(size, 'N')));
	EXPECT_TRUE(same(drain(pipe.in()), bytes));
}

TEST_F(Arena, PagesNobodyTouchedAreZerosInThePipe)
{
	Mapping untouched(backend().map_gift(size), size);

	EXPECT_EQ(gift(pipe, untouched.view()), moved(size));
	EXPECT_TRUE(same(drain(pipe.in()), zeros));
}

TEST_F(Arena, LivesAsLongAsItIsMapped)
{
	fd.reset();
	EXPECT_TRUE(same(memory.view(), bytes));
	EXPECT_EQ(gift(pipe, memory.view()), moved(size));
	EXPECT_TRUE(same(memory.view(), zeros));
	memory.unmap();
	EXPECT_TRUE(same(drain(pipe.in()), bytes));
}

TEST_F(Arena, KeepsItsContentsWhileOnlyItsDescriptorIsThere)
{
	memory.unmap();

	Mapping again(checked(map(fd.get(), size), "mmap"), size);

	EXPECT_TRUE(same(again.view(), bytes));
}

TEST_F(Arena, PagesGoOnThroughFilesSocketsAndPipes)
{
	File file(on_ext4);
	Target tcp(Kind::tcp);
	Pipe next = make_pipe();

	ASSERT_EQ(gift(pipe, memory.view()), moved(size));
	memory.fill(std::string(size, 'N'));
	EXPECT_EQ(do_splice(pipe.in(), file.fd(), page_size), moved(page_size));
	EXPECT_EQ(do_splice(pipe.in(), tcp.fd(), page_size), moved(page_size));
	EXPECT_EQ(do_splice(pipe.in(), next.out(), 2 * page_size), moved(2 * page_size));
	EXPECT_TRUE(
		same(file.read_at(0, page_size) + tcp.take(page_size) + drain(next.in()), bytes));
}

TEST_F(Arena, IsNotInheritedOverFork)
{
	pid_t child = checked(fork(), "fork");
	int status;

	if (child == 0) {
		volatile char first = memory.data()[0]; /* dies here */

		_exit(first == bytes[0] ? 0 : 1);
	}
	waitpid(child, &status, 0);
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(WTERMSIG(status), SIGSEGV);
	EXPECT_TRUE(same(memory.view(), bytes));
}

/*
 * MADV_DOFORK undoes that; then parent and child share it, and either can give it away. 7.x refuses
 * it for all special mappings.
 */
TEST_F(Arena, IsSharedWithAChildThatMadvDoforkGaveItTo)
{
	const Result inherited = result_of(madvise(memory.data(), size, MADV_DOFORK));

	if (inherited == failed(EINVAL))
		return;
	EXPECT_EQ(inherited, moved(0));
	EXPECT_EQ(in_child([&] {
			  require(memory.view() == bytes, "the child sees other bytes");
			  require(gift(pipe, memory.view()) == moved(size), "the child's gift");
			  require(memory.view() == zeros, "the child sees what it gave");
			  memory.fill(std::string(page_size, 'N'));
		  }),
		  "");
	EXPECT_TRUE(same(memory.view(),
			 std::string(page_size, 'N') + std::string(size - page_size, '\0')));
	EXPECT_EQ(taken(pipe), size);
	EXPECT_TRUE(same(drain(pipe.in()), bytes));
}

/* privpipe(4) says so: the pages belong to no file and to no process. */
TEST_F(Arena, HasRoomForPrivateFutexesOnly)
{
	EXPECT_EQ(result_of(syscall(SYS_futex, memory.data(), FUTEX_WAKE, 1, nullptr, nullptr, 0)),
		  failed(EFAULT));
	EXPECT_EQ(result_of(syscall(SYS_futex, memory.data(), FUTEX_WAKE_PRIVATE, 1, nullptr,
				    nullptr, 0)),
		  moved(0));
}

TEST_F(Arena, IsMappedSharedAndWithinItsEndsOnly)
{
	EXPECT_EQ(map(fd.get(), size, MAP_PRIVATE), MAP_FAILED);
	EXPECT_EQ(errno, EINVAL);
	EXPECT_EQ(map(fd.get(), size + 1), MAP_FAILED);
	EXPECT_EQ(errno, ENXIO);
	EXPECT_EQ(map(fd.get(), page_size, MAP_SHARED, off_t(size)), MAP_FAILED);
	EXPECT_EQ(errno, ENXIO);
	EXPECT_EQ(map(fd.get(), page_size, MAP_SHARED, off_t(1) << 40), MAP_FAILED);
	EXPECT_EQ(errno, ENXIO);
}

TEST_F(Arena, IsNeitherReadNorWrittenNorSpliced)
{
	char byte = 'x';

	EXPECT_FALSE(result_of(read(fd.get(), &byte, 1)).ok());
	EXPECT_FALSE(result_of(write(fd.get(), &byte, 1)).ok());
	EXPECT_EQ(do_splice(fd.get(), pipe.out(), 1), failed(EINVAL));
	put(pipe.out(), "x");
	EXPECT_EQ(do_splice(pipe.in(), fd.get(), 1), failed(EINVAL));
}

TEST(ArenaCreation, ALengthOfZeroOrOver2GiBIsEinval)
{
	int fd;

	for (uint64_t length : {uint64_t(0), (uint64_t(1) << 31) + 1, UINT64_MAX})
		EXPECT_EQ(make_arena(length, &fd), failed(EINVAL)) << length;
}

TEST(ArenaCreation, ALengthIsRoundedUpToWholePages)
{
	Fd fd = arena_of(1);

	Mapping page(checked(map(fd.get(), page_size), "mmap"), page_size);
	EXPECT_EQ(map(fd.get(), page_size + 1), MAP_FAILED);
}

TEST(ArenaCreation, CountsAgainstTheLimitsOfTheUser)
{
	Setting limit(backend().parameters().user_soft, "32");

	EXPECT_EQ(in_child([] {
			  int fd;

			  become_unprivileged();
			  require(make_arena(33 * page_size, &fd) == failed(EPERM),
				  "over the limit");

			  Fd within = arena_of(32 * page_size);

			  require(backend().capacity(make_pipe().out()) == moved(2 * page_size),
				  "a pipe beside it");
		  }),
		  "");
}

/* A pipe's end is no arena, and has no pages to map. */
TEST(ArenaCreation, APipeEndCannotBeMapped)
{
	Pipe pipe = make_pipe();

	EXPECT_EQ(mmap(nullptr, page_size, PROT_READ, MAP_SHARED, pipe.in(), 0), MAP_FAILED);
	EXPECT_EQ(errno, ENODEV);
}
