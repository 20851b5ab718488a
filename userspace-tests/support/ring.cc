// SPDX-License-Identifier: GPL-2.0
#include "support/ring.hh"

#include "support/fd.hh"

#include <cerrno>

#include <fcntl.h>

#include <memory>

namespace {

constexpr unsigned entries = 8;
constexpr __u64 the_request = 1;
constexpr __u64 its_cancellation = 2;
constexpr __u64 what_follows_it = 3;

/* io_uring itself waits for a file with O_NONBLOCK, if that can be polled. */
__kernel_rwf_t unless_it_may_wait(int fd)
{
	return fcntl(fd, F_GETFL) & O_NONBLOCK ? RWF_NOWAIT : 0;
}

} // namespace

Ring::Ring()
{
	/* Otherwise work left by a worker looks like a signal to the thread's next call. */
	constexpr unsigned flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;

	if (int error = io_uring_queue_init(entries, &ring_, flags); error < 0)
		throw_errno("io_uring_queue_init", -error);
}

Ring::~Ring()
{
	io_uring_queue_exit(&ring_);
}

Ring &Ring::of_this_thread()
{
	thread_local std::unique_ptr<Ring> ring;
	thread_local pid_t owner;

	if (owner != getpid()) {
		/* A child must not touch the ring whose memory it shares with its parent. */
		static_cast<void>(ring.release());
		ring = std::make_unique<Ring>();
		owner = getpid();
	}
	return *ring;
}

/* When memory is short for the ring itself, the entry is still there to be submitted. */
void Ring::submit()
{
	int submitted;

	do
		submitted = io_uring_submit(&ring_);
	while (submitted == -EAGAIN || submitted == -ENOMEM || submitted == -EINTR ||
	       (submitted >= 0 && io_uring_sq_ready(&ring_)));
	if (submitted < 0)
		throw_errno("io_uring_submit", -submitted);
}

Result Ring::run(const std::function<void(io_uring_sqe *)> &prepare)
{
	io_uring_sqe *sqe = io_uring_get_sqe(&ring_);
	ssize_t returned = 0;
	int outstanding = 2;

	prepare(sqe);
	io_uring_sqe_set_data64(sqe, the_request);
	/*
	 * A worker drops its file only after it has completed: what is linked behind it completes
	 * when that is done.
	 */
	sqe->flags |= IOSQE_IO_HARDLINK;
	sqe = io_uring_get_sqe(&ring_);
	io_uring_prep_nop(sqe);
	io_uring_sqe_set_data64(sqe, what_follows_it);
	submit();

	while (outstanding) {
		io_uring_cqe *cqe;
		int error = io_uring_wait_cqe(&ring_, &cqe);

		if (error == -EINTR) {
			sqe = io_uring_get_sqe(&ring_);
			io_uring_prep_cancel64(sqe, the_request, 0);
			io_uring_sqe_set_data64(sqe, its_cancellation);
			submit();
			outstanding++;
			continue;
		}
		if (error < 0)
			throw_errno("io_uring_wait_cqe", -error);
		if (cqe->user_data == the_request)
			returned = cqe->res;
		io_uring_cqe_seen(&ring_, cqe);
		outstanding--;
	}
	return returned == -ECANCELED ? failed(EINTR) : Result{returned};
}

/* Stock pipes that were opened by name know no RWF_NOWAIT, and io_uring never waits for them. */
Result Ring::run_unless_it_may_wait(int fd, const std::function<void(io_uring_sqe *)> &prepare)
{
	Result result = run([&](io_uring_sqe *sqe) {
		prepare(sqe);
		sqe->rw_flags = unless_it_may_wait(fd);
	});

	return result == failed(EOPNOTSUPP) ? run(prepare) : result;
}

Result Ring::read(int fd, void *buf, size_t len)
{
	return run_unless_it_may_wait(fd, [&](io_uring_sqe *sqe) {
		io_uring_prep_read(sqe, fd, buf, static_cast<unsigned>(len), -1);
	});
}

Result Ring::write(int fd, const void *buf, size_t len)
{
	return run_unless_it_may_wait(fd, [&](io_uring_sqe *sqe) {
		io_uring_prep_write(sqe, fd, buf, static_cast<unsigned>(len), -1);
	});
}
