/* SPDX-License-Identifier: GPL-2.0 */
/* The pipe operations as the tests call them; each file beside this one is a way to do it. */
#pragma once

#include "pipe/expectations.hh"
#include "support/result.hh"

#include <fcntl.h>
#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

/** Where the machine's limits on pipes are set. */
struct Parameters {
	std::string max_size;  /* bytes */
	std::string user_soft; /* pages */
	std::string user_hard; /* pages */
	std::string policy;    /* empty: there is none */
};

/** One way to make pipes and move bytes, with the arguments and results of the system calls. */
class Backend {
public:
	virtual ~Backend() = default;

	virtual const Expectations &expect() const = 0;
	virtual const Parameters &parameters() const = 0;

	/** Makes a pipe: ends[0] reads, ends[1] writes. @capacity in bytes, 0 for the default. */
	virtual Result create(std::array<int, 2> &ends, int flags, unsigned capacity) = 0;
	virtual Result splice(int in, off64_t *off_in, int out, off64_t *off_out, size_t len,
			      unsigned flags) = 0;
	virtual Result vmsplice(int fd, const iovec *iov, size_t nr_segs, unsigned flags) = 0;
	virtual Result tee(int in, int out, size_t len, unsigned flags) = 0;
	virtual Result sendfile(int out, int in, off64_t *off, size_t count) = 0;
	/** Returns the new capacity in bytes. */
	virtual Result resize(int fd, unsigned capacity) = 0;
	virtual Result capacity(int fd) = 0;

	/** One read; like read(2) it can be short. */
	virtual Result read(int fd, void *buf, size_t len);
	/** One write; unlike write(2) it can be short on a blocking pipe. */
	virtual Result write(int fd, const void *buf, size_t len);

	/** Maps whole zeroed pages that a vmsplice() with SPLICE_F_GIFT can give away. */
	virtual void *map_gift(size_t len) = 0;
};

/** The stock system calls, on the running kernel. */
class SyscallBackend : public Backend {
public:
	explicit SyscallBackend(const Expectations &expectations) : expect_(expectations) {}

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
	const Expectations &expect_;
};

/** Adds a backend under @name; called before main() by the file that implements it. */
bool register_backend(std::string_view name, std::unique_ptr<Backend> (*make)());
std::vector<std::string_view> backend_names();

/** Makes @name the backend under test; false if there is none of that name. */
bool select_backend(std::string_view name);
/** The backend under test. */
Backend &backend();
inline const Expectations &expected()
{
	return backend().expect();
}
