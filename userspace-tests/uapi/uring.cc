// SPDX-License-Identifier: GPL-2.0
/* Commands by IORING_OP_URING_CMD beyond one at a time. */
#include "pipe/kinds.hh"
#include "pipe/private.hh"
#include "pipe/signals.hh"
#include "support/async.hh"
#include "support/files.hh"
#include "support/ring.hh"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>
#include <map>

namespace {

void prepare(io_uring_sqe *sqe, int fd, unsigned cmd, const void *arg, __u64 reserved = 0)
{
	const privpipe_uring_cmd payload = {.arg = abi_address(arg), .__reserved = reserved};

	io_uring_prep_rw(IORING_OP_URING_CMD, sqe, fd, nullptr, 0, cmd);
	memcpy(reinterpret_cast<char *>(sqe) + offsetof(io_uring_sqe, cmd), &payload,
	       sizeof(payload));
}

privpipe_splice splice_args(int in, int out, size_t len)
{
	return {.size = sizeof(privpipe_splice), .fd_in = in, .fd_out = out, .len = len};
}

class UringCommand : public testing::Test {
protected:
	/* Queues one request under the number @id. */
	io_uring_sqe *queue(__u64 id, int fd, unsigned cmd, const void *arg)
	{
		io_uring_sqe *sqe = io_uring_get_sqe(ring.get());

		prepare(sqe, fd, cmd, arg);
		io_uring_sqe_set_data64(sqe, id);
		return sqe;
	}

	void submit() { io_uring_submit(ring.get()); }

	/* Waits for @count completions: result by number. */
	std::map<__u64, Result> complete(size_t count)
	{
		std::map<__u64, Result> results;

		while (results.size() < count) {
			io_uring_cqe *cqe;

			if (int error = io_uring_wait_cqe(ring.get(), &cqe); error < 0)
				throw_errno("io_uring_wait_cqe", -error);
			results[cqe->user_data] = {cqe->res};
			io_uring_cqe_seen(ring.get(), cqe);
		}
		return results;
	}

	bool anything_completed()
	{
		io_uring_cqe *cqe;

		io_uring_get_events(ring.get());
		return io_uring_peek_cqe(ring.get(), &cqe) == 0;
	}

	Ring ring;
	Pipe pipe = make_pipe();
	Pipe other = make_pipe();
};

} // namespace

TEST_F(UringCommand, AReservedMemberThatIsNotZeroIsEinval)
{
	privpipe_query args = {.size = sizeof(args)};

	EXPECT_EQ(ring.run([&](io_uring_sqe *sqe) {
		prepare(sqe, pipe.in(), PRIVPIPE_QUERY, &args, 1);
	}),
		  failed(EINVAL));
}

TEST_F(UringCommand, AWaitingRequestCompletesWhenItCanGoOn)
{
	privpipe_splice args = splice_args(pipe.in(), other.out(), 100);

	queue(1, pipe.in(), PRIVPIPE_SPLICE, &args);
	submit();
	EXPECT_FALSE(anything_completed());
	put(pipe.out(), "abc");
	EXPECT_EQ(complete(1).at(1), moved(3));
	EXPECT_EQ(drain(other.in()), "abc");
}

TEST_F(UringCommand, AWaitingRequestCanBeCancelledAndHasMovedNothing)
{
	privpipe_splice args = splice_args(pipe.in(), other.out(), 100);

	queue(1, pipe.in(), PRIVPIPE_SPLICE, &args);
	submit();

	io_uring_sqe *sqe = io_uring_get_sqe(ring.get());

	io_uring_prep_cancel64(sqe, 1, 0);
	io_uring_sqe_set_data64(sqe, 2);
	submit();

	Result cancelled = complete(2).at(1);

	EXPECT_TRUE(cancelled == failed(EINTR) || cancelled == failed(ECANCELED));
	put(pipe.out(), "abc");
	EXPECT_EQ(drain(pipe.in()), "abc");
	EXPECT_EQ(unread(other.in()), 0u);
}

TEST_F(UringCommand, ARingThatIsClosedGivesUpItsWaitingRequests)
{
	privpipe_splice args = splice_args(pipe.in(), other.out(), 100);

	{
		Ring closing;
		io_uring_sqe *sqe = io_uring_get_sqe(closing.get());

		prepare(sqe, pipe.in(), PRIVPIPE_SPLICE, &args);
		io_uring_submit(closing.get());
	}

	/* Whether or not the request saw the bytes before it was given up, none is lost. */
	put(pipe.out(), "abc");
	pipe.write_end.reset();
	other.write_end.reset();

	std::string all = get(pipe.in(), 3) + get(other.in(), 3);

	EXPECT_EQ(all, "abc");
}

TEST_F(UringCommand, LinkedRequestsRunOneAfterTheOther)
{
	File file(on_ext4, pattern(10000));
	File copy(on_xfs);
	privpipe_splice in = splice_args(file.fd(), pipe.out(), 10000);
	privpipe_splice across = splice_args(pipe.in(), other.out(), 10000);
	privpipe_splice out = splice_args(other.in(), copy.fd(), 10000);

	queue(1, pipe.out(), PRIVPIPE_SPLICE, &in)->flags |= IOSQE_IO_LINK;
	queue(2, pipe.in(), PRIVPIPE_SPLICE, &across)->flags |= IOSQE_IO_LINK;
	queue(3, other.in(), PRIVPIPE_SPLICE, &out);
	submit();

	std::map<__u64, Result> results = complete(3);

	for (__u64 id : {1, 2, 3})
		EXPECT_EQ(results.at(id), moved(10000)) << id;
	EXPECT_TRUE(same(copy.read_at(0, 20000), pattern(10000)));
}

TEST_F(UringCommand, ManyAtOnceMoveEveryByteOnce)
{
	constexpr size_t requests = 8;
	privpipe_splice args = splice_args(pipe.in(), other.out(), 1000);

	for (size_t id = 0; id < requests; id++)
		queue(id, pipe.in(), PRIVPIPE_SPLICE, &args);
	submit();
	put(pipe.out(), pattern(requests * 1000));
	pipe.write_end.reset();

	size_t all = 0;

	for (const auto &[id, result] : complete(requests)) {
		EXPECT_TRUE(result.ok());
		all += result.bytes();
	}
	EXPECT_EQ(all, unread(other.in()));
	EXPECT_TRUE(same(drain(other.in()), pattern(all)));
	EXPECT_TRUE(same(drain(pipe.in()), pattern(requests * 1000 - all, all)));
}

TEST_F(UringCommand, AForcedWorkerDoesTheSame)
{
	Mapping memory(page_size);
	iovec iov = {memory.data(), page_size};
	privpipe_vmsplice args = {.size = sizeof(args), .iov = abi_address(&iov), .nr_segs = 1};

	memory.fill(pattern(page_size));
	queue(1, pipe.out(), PRIVPIPE_VMSPLICE, &args)->flags |= IOSQE_ASYNC;
	submit();
	EXPECT_EQ(complete(1).at(1), moved(page_size));
	EXPECT_TRUE(same(drain(pipe.in()), pattern(page_size)));
}

TEST_F(UringCommand, ARegisteredFileIsAsGoodAsADescriptor)
{
	int registered = pipe.out();
	iovec iov = iovec_of("abc");
	privpipe_vmsplice args = {.size = sizeof(args), .iov = abi_address(&iov), .nr_segs = 1};

	ASSERT_EQ(io_uring_register_files(ring.get(), &registered, 1), 0);
	queue(1, 0, PRIVPIPE_VMSPLICE, &args)->flags |= IOSQE_FIXED_FILE;
	submit();
	EXPECT_EQ(complete(1).at(1), moved(3));
	EXPECT_EQ(drain(pipe.in()), "abc");
}

TEST_F(UringCommand, CreatesPipesAndArenas)
{
	privpipe_create create = {.size = sizeof(create), .flags = O_CLOEXEC};
	privpipe_arena arena = {.size = sizeof(arena), .flags = O_CLOEXEC, .length = page_size};

	queue(1, private_backend().device(), PRIVPIPE_CREATE, &create);
	queue(2, private_backend().device(), PRIVPIPE_ARENA, &arena)->flags |= IOSQE_ASYNC;
	submit();

	std::map<__u64, Result> results = complete(2);

	ASSERT_EQ(results.at(1), moved(0));
	ASSERT_EQ(results.at(2), moved(0));

	Pipe made = {Fd(create.read_fd), Fd(create.write_fd)};
	Fd memory(arena.fd);

	put(made.out(), "abc");
	EXPECT_EQ(drain(made.in()), "abc");
}
