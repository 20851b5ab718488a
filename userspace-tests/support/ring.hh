/* SPDX-License-Identifier: GPL-2.0 */
/* One io_uring request at a time, waited for, in place of a system call. */
#pragma once

#include "support/result.hh"

#include <liburing.h>

#include <functional>

class Ring {
public:
	Ring();
	~Ring();
	Ring(const Ring &) = delete;
	Ring &operator=(const Ring &) = delete;

	/** The calling thread's own ring, made on first use and again after a fork. */
	static Ring &of_this_thread();

	/**
	 * Submits the request that @prepare describes and returns what it completed with, when
	 * nothing of it is left in the kernel. A signal cancels the request; it then returns EINTR,
	 * unless it had moved something already.
	 */
	Result run(const std::function<void(io_uring_sqe *)> &prepare);

	/** As read(2) and write(2), where the file is; with O_NONBLOCK they don't wait either. */
	Result read(int fd, void *buf, size_t len);
	Result write(int fd, const void *buf, size_t len);

	io_uring *get() { return &ring_; }

private:
	Result run_unless_it_may_wait(int fd, const std::function<void(io_uring_sqe *)> &prepare);
	void submit();

	io_uring ring_ = {};
};
