/* SPDX-License-Identifier: GPL-2.0 */
/* The common part of the backends on privpipe.ko: everything but the way a command reaches it. */
#pragma once

#include "pipe/backend.hh"
#include "support/fd.hh"

#include <linux/privpipe.h>

#include <sys/stat.h>

class PrivateBackend : public Backend {
public:
	/** Opens /dev/privpipe; throws when the module isn't loaded. */
	explicit PrivateBackend(const Expectations &expectations);

	/** Runs one PRIVPIPE_* command with its structure on @fd. */
	virtual Result command(int fd, unsigned cmd, void *arg) = 0;

	int device() const { return device_.get(); }
	/** True for an end of a private pipe. */
	bool is_private_end(int fd) const;

	const Expectations &expect() const override { return expect_; }
	const Parameters &parameters() const override;
	Result create(std::array<int, 2> &ends, int flags, unsigned capacity) override;
	Result splice(int in, off64_t *off_in, int out, off64_t *off_out, size_t len,
		      unsigned flags) override;
	Result vmsplice(int fd, const iovec *iov, size_t nr_segs, unsigned flags) override;
	Result tee(int in, int out, size_t len, unsigned flags) override;
	Result sendfile(int out, int in, off64_t *off, size_t count) override;
	Result resize(int fd, unsigned capacity) override;
	Result capacity(int fd) override;
	void *map_gift(size_t len) override;

private:
	int carrier(int in, int out);

	const Expectations &expect_;
	Fd device_;
	dev_t end_device_ = 0; /* st_dev of every private end */
	Fd bystander_;         /* carries the calls that name no private end */
};

/** Whether the backend under test is one of privpipe.ko's. */
bool is_private_backend();

/** The backend under test as a private one; only the uapi and memory suites may ask. */
PrivateBackend &private_backend();

/** The address of @pointer's target as the ABI carries it. */
template <class T>
__u64 abi_address(const T *pointer)
{
	return reinterpret_cast<uintptr_t>(pointer);
}
