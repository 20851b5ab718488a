// SPDX-License-Identifier: MIT
#include "repeat.h"

#include <cerrno>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

namespace privpipe {
namespace {

std::unexpected<std::error_code> failure()
{
	return std::unexpected(std::error_code(errno, std::generic_category()));
}

Result<std::size_t> bytes_or_errno(ssize_t ret)
{
	if (ret < 0)
		return failure();
	return std::size_t(ret);
}

Result<std::size_t> vmsplice_on(int end, std::span<const iovec> memory, SpliceFlags flags)
{
	return bytes_or_errno(
		privpipe_vmsplice(end, memory.data(), memory.size(), std::to_underlying(flags)));
}

// With a limit, Wait does the waiting.
SpliceFlags limited(SpliceFlags flags, const Wait &wait)
{
	return wait.limited() ? flags | SpliceFlags::nonblock : flags;
}

constexpr pollfd nothing{-1, 0, 0};

} // namespace

static_assert(std::to_underlying(SpliceFlags::move) == SPLICE_F_MOVE);
static_assert(std::to_underlying(SpliceFlags::nonblock) == SPLICE_F_NONBLOCK);
static_assert(std::to_underlying(SpliceFlags::more) == SPLICE_F_MORE);
static_assert(std::to_underlying(SpliceFlags::gift) == SPLICE_F_GIFT);
// It is returned by value: if the kernel's structure grows, Query must stay as it is.
static_assert(sizeof(Query) == 48);

Fd::~Fd()
{
	if (fd_ >= 0)
		::close(fd_);
}

Arena::~Arena()
{
	if (!memory_.empty())
		::munmap(memory_.data(), memory_.size());
}

Result<Arena> Arena::map(Fd fd, std::size_t size)
{
	void *memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);

	if (memory == MAP_FAILED)
		return failure();
	return Arena(std::move(fd), {static_cast<std::byte *>(memory), size});
}

Result<Query> End::query() const
{
	Query query{};

	if (privpipe_query(fd(), &query) < 0)
		return failure();
	return query;
}

Result<std::uint32_t> End::resize(std::uint32_t capacity) const
{
	int ret = privpipe_resize(fd(), capacity);

	if (ret < 0)
		return failure();
	return std::uint32_t(ret);
}

Result<std::size_t> WriteEnd::write(std::span<const std::byte> bytes) const
{
	return bytes_or_errno(::write(fd(), bytes.data(), bytes.size()));
}

Transfer WriteEnd::write_all(std::span<const std::byte> bytes, const Until &until) const
{
	const Wait wait(until, {pollfd{fd(), POLLOUT, 0}, nothing});

	return repeat(bytes.size(), wait, [&](std::uint64_t done, std::size_t len) {
		const auto rest = bytes.subspan(done, len);
		if (!wait.limited())
			return write(rest);
		const iovec piece{const_cast<std::byte *>(rest.data()), rest.size()};
		return bytes_or_errno(::pwritev2(fd(), &piece, 1, -1, RWF_NOWAIT));
	});
}

Result<std::size_t> WriteEnd::splice_from(File source, std::size_t len, SpliceFlags flags,
					  Policy policy) const
{
	return bytes_or_errno(privpipe_splice(fd(), source.fd, source.offset, fd(), nullptr, len,
					      std::to_underlying(flags), privpipe_policy(policy)));
}

Transfer WriteEnd::splice_all_from(File source, std::uint64_t len, SpliceFlags flags, Policy policy,
				   const Until &until) const
{
	const Wait wait(until, {pollfd{fd(), POLLOUT, 0}, pollfd{source.fd, POLLIN, 0}});

	return repeat(len, wait, [&](std::uint64_t, std::size_t rest) {
		return splice_from(source, rest, limited(flags, wait), policy);
	});
}

Result<std::size_t> WriteEnd::vmsplice(std::span<const iovec> memory, SpliceFlags flags) const
{
	return vmsplice_on(fd(), memory, flags);
}

Result<std::size_t> WriteEnd::vmsplice(std::span<const std::byte> memory, SpliceFlags flags) const
{
	// An iovec serves both directions, hence no const in it; this one is only read.
	const iovec piece{const_cast<std::byte *>(memory.data()), memory.size()};

	return vmsplice_on(fd(), {&piece, 1}, flags);
}

Result<std::size_t> ReadEnd::read(std::span<std::byte> bytes) const
{
	return bytes_or_errno(::read(fd(), bytes.data(), bytes.size()));
}

Transfer ReadEnd::read_all(std::span<std::byte> bytes, const Until &until) const
{
	const Wait wait(until, {pollfd{fd(), POLLIN, 0}, nothing});

	return repeat(bytes.size(), wait, [&](std::uint64_t done, std::size_t len) {
		const auto rest = bytes.subspan(done, len);
		if (!wait.limited())
			return read(rest);
		const iovec piece{rest.data(), rest.size()};
		return bytes_or_errno(::preadv2(fd(), &piece, 1, -1, RWF_NOWAIT));
	});
}

Result<std::size_t> ReadEnd::splice_to(File target, std::size_t len, SpliceFlags flags) const
{
	return bytes_or_errno(privpipe_splice(fd(), fd(), nullptr, target.fd, target.offset, len,
					      std::to_underlying(flags), PRIVPIPE_POLICY_DEFAULT));
}

Transfer ReadEnd::splice_all_to(File target, std::uint64_t len, SpliceFlags flags,
				const Until &until) const
{
	const Wait wait(until, {pollfd{fd(), POLLIN, 0}, pollfd{target.fd, POLLOUT, 0}});

	return repeat(len, wait, [&](std::uint64_t, std::size_t rest) {
		return splice_to(target, rest, limited(flags, wait));
	});
}

Result<std::size_t> ReadEnd::vmsplice(std::span<const iovec> memory, SpliceFlags flags) const
{
	return vmsplice_on(fd(), memory, flags);
}

Result<std::size_t> ReadEnd::tee(const WriteEnd &target, std::size_t len, SpliceFlags flags) const
{
	return bytes_or_errno(privpipe_tee(fd(), target.fd(), len, std::to_underlying(flags)));
}

Result<Device> Device::open()
{
	Fd fd(privpipe_open());

	if (!fd)
		return failure();
	return Device(std::move(fd));
}

Result<Pipe> Device::create(CreateFlags flags, std::uint32_t capacity) const
{
	int fds[2];

	if (privpipe_create(fd(), fds, std::to_underlying(flags), capacity) < 0)
		return failure();
	return Pipe{ReadEnd(Fd(fds[0])), WriteEnd(Fd(fds[1]))};
}

Result<Arena> Device::create_arena(std::size_t size) const
{
	Fd arena(privpipe_arena(fd(), size, O_CLOEXEC));

	if (!arena)
		return failure();
	return Arena::map(std::move(arena), size);
}

Result<std::size_t> Device::sendfile(int target, File source, std::size_t count,
				     SendfileFlags flags) const
{
	return bytes_or_errno(privpipe_sendfile(fd(), target, source.fd, source.offset, count,
						std::to_underlying(flags)));
}

Transfer Device::sendfile_all(int target, File source, std::uint64_t count, SendfileFlags flags,
			      const Until &until) const
{
	const Wait wait(until, {pollfd{target, POLLOUT, 0}, nothing});
	// The call can't be told not to wait, so the limits are looked at between short ones.
	const std::size_t most = wait.limited() ? 65536 : SIZE_MAX;

	return repeat(count, wait, [&](std::uint64_t, std::size_t rest) {
		return sendfile(target, source, std::min(rest, most), flags);
	});
}

Relay splice_all(File source, const Pipe &pipe, File target, std::uint64_t len, SpliceFlags flags,
		 Policy policy, const Until &until)
{
	const Wait wait(until,
			{pollfd{pipe.writer.fd(), POLLOUT, 0}, pollfd{source.fd, POLLIN, 0}});
	Relay relay;

	while (relay.read < len) {
		relay.error = wait();
		if (relay.error)
			break;
		auto entered = pipe.writer.splice_from(source, at_most(len - relay.read),
						       limited(flags, wait), policy);
		if (!entered &&
		    (entered.error() == std::errc::interrupted || wait.again(entered.error())))
			continue;
		if (!entered)
			relay.error = entered.error();
		if (entered.value_or(0) == 0)
			break;
		relay.read += *entered;

		Transfer drained = pipe.reader.splice_all_to(target, *entered, flags, until);
		relay.written += drained.bytes;
		if (drained.bytes < *entered) {
			// A target that accepts nothing without an error would look like the end.
			relay.error = drained.error ? drained.error
						    : std::make_error_code(std::errc::io_error);
			break;
		}
	}
	return relay;
}

} // namespace privpipe
