// SPDX-License-Identifier: MIT
/**
 * @file
 * Private pipes for C++23.
 *
 *     auto device = privpipe::Device::open();
 *     auto pipe = device->create();
 *     auto moved = pipe->writer.splice_from({file}, 65536);
 *
 * Conventions for all functions below:
 *
 *  - No function throws when a system call fails.  It returns a Result, which holds the errno as a
 *    std::error_code of the generic category, so that it compares with std::errc.
 *  - Sizes, capacities and offsets are in bytes.
 *  - A function that moves bytes makes one system call and returns how many bytes it has moved,
 *    which can be fewer than the caller asked for.  0 means the end of the file, or of a pipe
 *    without writers.
 *  - A function blocks while the pipe is full or empty.  If the descriptor is O_NONBLOCK, or the
 *    call has SpliceFlags::nonblock, it fails with errc::resource_unavailable_try_again instead.
 *    If a signal comes before anything was moved, the error is errc::interrupted.
 *  - Writing to a pipe without readers raises SIGPIPE; if that is ignored, the error is
 *    errc::broken_pipe.
 *  - The functions with _all in their names repeat the call until everything has moved, the input
 *    ends, or an error occurs.  They continue after a signal.  They return a Transfer or a Relay,
 *    which contains both the bytes and the error, so an error never hides bytes that have moved.
 *    An Until can end them earlier.
 *  - An Fd, and any object made from one, owns a descriptor.  A File or an int does not.
 *  - Several threads may use one object at the same time as long as none moves or destroys it: the
 *    kernel does the locking.
 *
 * privpipe(4) lists every error of every operation.
 */
#pragma once

#include <privpipe/privpipe.h>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <stop_token>
#include <system_error>
#include <type_traits>
#include <utility>

// The shared library exports these declarations; its own code is hidden.
#pragma GCC visibility push(default)

namespace privpipe {

/** The result of a call: a value or an error. */
template <typename T>
using Result = std::expected<T, std::error_code>;

/** The result of a repeated call.  Both members are always valid. */
struct [[nodiscard]] Transfer {
	std::uint64_t bytes = 0; ///< bytes moved, also if there is an error
	std::error_code error;   ///< the reason for stopping early; empty at the end of the input
};

/**
 * The result of splice_all().  The pipe still holds read - written bytes.  If read == written, the
 * error is the source's or the pipe's own, else the target's.
 */
struct [[nodiscard]] Relay {
	std::uint64_t read = 0;    ///< bytes that have left the source
	std::uint64_t written = 0; ///< bytes that have reached the target
	std::error_code error;     ///< the reason for stopping early
};

/**
 * Says when a function with _all in its name must end early: with errc::operation_canceled after a
 * request to stop, which any thread may make; with errc::timed_out at the deadline.  The function
 * returns the bytes moved until then.
 *
 * With either limit, the function waits in poll(2) instead of blocking in the call, also for a
 * descriptor that is O_NONBLOCK.  A call that has begun to move bytes may still block in a source
 * or target that is not O_NONBLOCK, such as a socket that has accepted a part of them.
 */
struct Until {
	// NOLINTNEXTLINE(readability-redundant-member-init): the compiler wants what this refuses
	std::stop_token stop{};
	std::chrono::steady_clock::time_point deadline =
		std::chrono::steady_clock::time_point::max();
};

/** SPLICE_F_*: how to move bytes. */
enum class SpliceFlags : unsigned {
	none = 0,
	move = 1,     ///< take pages from the page cache (with Policy::move)
	nonblock = 2, ///< do not wait for the private pipe
	more = 4,     ///< more bytes will follow, so a socket may delay these
	gift = 8,     ///< vmsplice: move whole pages of an Arena
};

/** The kind of pipe to make. */
enum class CreateFlags : unsigned {
	none = 0,
	cloexec = O_CLOEXEC,   ///< close both ends on exec
	nonblock = O_NONBLOCK, ///< neither end blocks
	packet = O_DIRECT,     ///< each write is a packet of its own
};

/** How to send a file. */
enum class SendfileFlags : unsigned {
	none = 0,
	direct = PRIVPIPE_F_DIRECT, ///< share page-cache pages with a socket instead of copying
};

/**
 * The enumerations above, whose values combine with | & ~.  Such an enumeration can have every
 * value of its underlying type, although some analyzers accept only the named ones.
 */
template <typename E>
concept Flags = std::same_as<E, SpliceFlags> || std::same_as<E, CreateFlags> ||
		std::same_as<E, SendfileFlags>;

/** @return the flags that are in either */
template <Flags E>
constexpr E operator|(E a, E b)
{
	return E(std::to_underlying(a) | std::to_underlying(b)); // NOLINT(*EnumCastOutOfRange)
}

/** @return the flags that are in both */
template <Flags E>
constexpr E operator&(E a, E b)
{
	return E(std::to_underlying(a) & std::to_underlying(b)); // NOLINT(*EnumCastOutOfRange)
}

/** @return all flags except those */
template <Flags E>
constexpr E operator~(E a)
{
	return E(~std::to_underlying(a)); // NOLINT(*EnumCastOutOfRange)
}

/** Adds flags. */
template <Flags E>
constexpr E &operator|=(E &a, E b)
{
	return a = a | b;
}

/** Removes all other flags. */
template <Flags E>
constexpr E &operator&=(E &a, E b)
{
	return a = a & b;
}

/** When to take pages of a file out of the page cache instead of copying them. */
enum class Policy : unsigned {
	module_default = PRIVPIPE_POLICY_DEFAULT, ///< as the administrator chose; initially move
	never = PRIVPIPE_POLICY_NEVER,            ///< copy
	move = PRIVPIPE_POLICY_MOVE,              ///< take if the call has SpliceFlags::move
	automatic = PRIVPIPE_POLICY_AUTO,         ///< take pages that nobody has come back to
	always = PRIVPIPE_POLICY_ALWAYS,          ///< take every page that can be taken
};

/** How full a pipe is, and how its bytes came in; see struct privpipe_query. */
using Query = struct ::privpipe_query;

/** Owns a file descriptor, and closes it. */
class Fd {
public:
	Fd() = default;

	/** Takes over a descriptor; a negative number means none. */
	explicit Fd(int fd) noexcept : fd_(fd) {}

	Fd(Fd &&other) noexcept : fd_(other.release()) {}

	Fd &operator=(Fd &&other) noexcept
	{
		Fd(std::move(other)).swap(*this);
		return *this;
	}

	~Fd();

	/** @return the descriptor, still owned by this, or -1 */
	[[nodiscard]] int get() const noexcept { return fd_; }

	/** @return the descriptor, which the caller must close, or -1 */
	[[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

	/** @return whether there is a descriptor */
	explicit operator bool() const noexcept { return fd_ >= 0; }

	/** Exchanges the descriptors. */
	void swap(Fd &other) noexcept { std::swap(fd_, other.fd_); }

private:
	int fd_ = -1;
};

/**
 * The other side of a transfer: a file, socket, device or pipe, which the caller still owns.
 *
 * A transfer uses and advances *offset, or the file's own position if there is no offset.  The
 * offset must stay valid during the call.  Sockets and pipes must not have one.
 */
struct File {
	int fd;
	std::int64_t *offset = nullptr;
};

/** Zeroed memory of which whole pages can be given to a pipe without a copy; see WriteEnd. */
class Arena {
public:
	/**
	 * Maps an arena that another process has made and whose descriptor was passed on.  Both
	 * processes see the same memory.
	 *
	 * @param fd   of an arena
	 * @param size how many bytes to map
	 * @return the arena, or: no_such_device_or_address if the arena is smaller than @p size,
	 *         no_such_device if @p fd can't be mapped, bad_file_descriptor,
	 *         invalid_argument, not_enough_memory
	 */
	[[nodiscard]] static Result<Arena> map(Fd fd, std::size_t size);

	Arena(Arena &&other) noexcept
		: fd_(std::move(other.fd_)), memory_(std::exchange(other.memory_, {}))
	{
	}

	Arena &operator=(Arena &&other) noexcept
	{
		fd_.swap(other.fd_);
		std::swap(memory_, other.memory_);
		return *this;
	}

	/** Unmaps the memory; pages already given to a pipe stay in it. */
	~Arena();

	/** @return the memory, valid as long as this object */
	[[nodiscard]] std::span<std::byte> bytes() const noexcept { return memory_; }

	/** @return the descriptor, still owned by this: to send it to another process */
	[[nodiscard]] int fd() const noexcept { return fd_.get(); }

private:
	Arena(Fd fd, std::span<std::byte> memory) noexcept : fd_(std::move(fd)), memory_(memory) {}

	Fd fd_;
	std::span<std::byte> memory_;
};

/** The members that both ends of a private pipe have. */
class End {
public:
	/** @return the descriptor, still owned by this: for poll(2), fcntl(2), io_uring ... */
	[[nodiscard]] int fd() const noexcept { return fd_.get(); }

	/** @return whether there is a descriptor: none after close(), release() or a move */
	explicit operator bool() const noexcept { return bool(fd_); }

	/** Closes this end: the other end then sees the end of the stream, or no reader. */
	void close() noexcept { fd_ = Fd(); }

	/** @return the descriptor, now owned by the caller: for fdopen(3), another library ... */
	[[nodiscard]] Fd release() noexcept { return std::move(fd_); }

	/** @return how full the pipe is and how its bytes came in; never blocks */
	[[nodiscard]] Result<Query> query() const;

	/**
	 * Changes the capacity; F_SETPIPE_SZ.  Never blocks.
	 *
	 * @param capacity rounded up to a power of two pages
	 * @return the new capacity, or: device_or_resource_busy if the pipe holds more than that,
	 *         operation_not_permitted beyond a limit, invalid_argument, not_enough_memory
	 */
	[[nodiscard]] Result<std::uint32_t> resize(std::uint32_t capacity) const;

protected:
	End() = default;
	explicit End(Fd fd) noexcept : fd_(std::move(fd)) {}

private:
	Fd fd_;
};

/** The end of a private pipe that bytes go into. */
class WriteEnd : public End {
public:
	/** Has no descriptor yet. */
	WriteEnd() = default;

	/** Takes over the descriptor of a private pipe's end. */
	explicit WriteEnd(Fd fd) noexcept : End(std::move(fd)) {}

	/**
	 * Copies bytes into the pipe; write(2).  Up to PIPE_BUF bytes enter atomically.
	 *
	 * @return bytes written, or: broken_pipe, resource_unavailable_try_again, bad_address
	 */
	[[nodiscard]] Result<std::size_t> write(std::span<const std::byte> bytes) const;

	/** write() until everything is in the pipe. */
	Transfer write_all(std::span<const std::byte> bytes, const Until &until = {}) const;

	/**
	 * Moves bytes into the pipe from a file, device, socket or another pipe, as far as there is
	 * room.
	 *
	 * @param source the source; for another private pipe, its ReadEnd's fd(), and then whole
	 *               folios move
	 * @param len    how many bytes to move at most
	 * @param flags  move, nonblock
	 * @param policy when to take pages of a file instead of copying them
	 * @return bytes moved, or: broken_pipe, resource_unavailable_try_again (the pipe is full,
	 *         or the source is O_NONBLOCK and has no data), bad_file_descriptor,
	 *         invalid_argument, illegal_seek, and any error from reading the source
	 */
	[[nodiscard]] Result<std::size_t> splice_from(File source, std::size_t len,
						      SpliceFlags flags = SpliceFlags::none,
						      Policy policy = Policy::module_default) const;

	/** splice_from() until @p len bytes are in the pipe, while another thread reads it. */
	Transfer splice_all_from(File source, std::uint64_t len,
				 SpliceFlags flags = SpliceFlags::none,
				 Policy policy = Policy::module_default,
				 const Until &until = {}) const;

	/**
	 * Puts memory into the pipe, as far as there is room; vmsplice(2).
	 *
	 * The bytes are copied, so the caller can reuse the memory at once.  With
	 * SpliceFlags::gift, whole pages of an Arena move instead, and the next access to them
	 * finds zeros.  Waits only for the first room, unless SpliceFlags::nonblock is given;
	 * O_NONBLOCK is ignored.
	 *
	 * @param memory at most 1024 pieces
	 * @param flags  nonblock, gift
	 * @return bytes moved, or: broken_pipe, resource_unavailable_try_again, bad_address,
	 *         invalid_argument
	 */
	[[nodiscard]] Result<std::size_t> vmsplice(std::span<const iovec> memory,
						   SpliceFlags flags = SpliceFlags::none) const;

	/** The same for memory in one piece. */
	[[nodiscard]] Result<std::size_t> vmsplice(std::span<const std::byte> memory,
						   SpliceFlags flags = SpliceFlags::none) const;
};

/** The end of a private pipe that bytes come out of. */
class ReadEnd : public End {
public:
	/** Has no descriptor yet. */
	ReadEnd() = default;

	/** Takes over the descriptor of a private pipe's end. */
	explicit ReadEnd(Fd fd) noexcept : End(std::move(fd)) {}

	/**
	 * Copies bytes out of the pipe; read(2).
	 *
	 * @return bytes read, or: resource_unavailable_try_again, bad_address
	 */
	[[nodiscard]] Result<std::size_t> read(std::span<std::byte> bytes) const;

	/** read() until @p bytes is full. */
	Transfer read_all(std::span<std::byte> bytes, const Until &until = {}) const;

	/**
	 * Moves bytes out of the pipe to a file, device, socket or another pipe.  A socket gets the
	 * pipe's own pages without a copy, unless they would keep too much memory.
	 *
	 * @param target the target; for another private pipe, its WriteEnd's fd()
	 * @param len    how many bytes to move at most
	 * @param flags  nonblock, more
	 * @return bytes moved, or: broken_pipe, resource_unavailable_try_again (the pipe is empty,
	 *         or the target is O_NONBLOCK and full), bad_file_descriptor, invalid_argument,
	 *         illegal_seek, and any error from writing the target (no_space_on_device ...)
	 */
	[[nodiscard]] Result<std::size_t> splice_to(File target, std::size_t len,
						    SpliceFlags flags = SpliceFlags::none) const;

	/** splice_to() until @p len bytes are out, while another thread writes the pipe. */
	Transfer splice_all_to(File target, std::uint64_t len,
			       SpliceFlags flags = SpliceFlags::none,
			       const Until &until = {}) const;

	/**
	 * Copies bytes out of the pipe into memory; vmsplice(2).  Waits unless
	 * SpliceFlags::nonblock is given; O_NONBLOCK is ignored.
	 *
	 * @param memory at most 1024 pieces
	 * @param flags  nonblock
	 * @return bytes moved, or: resource_unavailable_try_again, bad_address, invalid_argument
	 */
	[[nodiscard]] Result<std::size_t> vmsplice(std::span<const iovec> memory,
						   SpliceFlags flags = SpliceFlags::none) const;

	/**
	 * Copies bytes to another private pipe and leaves them in this one; tee(2).
	 *
	 * @param target the other pipe
	 * @param len    how many bytes to copy at most
	 * @param flags  nonblock
	 * @return bytes copied, or: broken_pipe, resource_unavailable_try_again, invalid_argument
	 */
	[[nodiscard]] Result<std::size_t> tee(const WriteEnd &target, std::size_t len,
					      SpliceFlags flags = SpliceFlags::none) const;
};

/** A private pipe.  Move an end out of it to pass the end on. */
struct Pipe {
	ReadEnd reader;
	WriteEnd writer;
};

/** /dev/privpipe: makes pipes and arenas, and sends files without a pipe. */
class Device {
public:
	/**
	 * Opens the device.
	 *
	 * @return the device, or: no_such_file_or_directory if the module is not loaded,
	 *         permission_denied
	 */
	[[nodiscard]] static Result<Device> open();

	/** Takes over a descriptor of the device, from a process that may open it. */
	explicit Device(Fd fd) noexcept : fd_(std::move(fd)) {}

	/** @return the descriptor, still owned by this */
	[[nodiscard]] int fd() const noexcept { return fd_.get(); }

	/**
	 * Makes a private pipe, which may outlive the device.  Never blocks.
	 *
	 * @param flags    as for pipe2(2)
	 * @param capacity rounded up to a power of two pages; 0 for the default of 64 KiB
	 * @return the pipe, or: operation_not_permitted beyond a limit, too_many_files_open,
	 *         too_many_files_open_in_system, invalid_argument, not_enough_memory
	 */
	[[nodiscard]] Result<Pipe> create(CreateFlags flags = CreateFlags::cloexec,
					  std::uint32_t capacity = 0) const;

	/**
	 * Makes an arena and maps it.  Never blocks.
	 *
	 * @param size of the memory; its pages can be given away, to any private pipe
	 * @return the arena, which may outlive the device, or: operation_not_permitted beyond a
	 *         limit, too_many_files_open, too_many_files_open_in_system, invalid_argument,
	 *         not_enough_memory
	 */
	[[nodiscard]] Result<Arena> create_arena(std::size_t size) const;

	/**
	 * Sends a part of a file to a file, socket or pipe; sendfile(2).  Blocks if writing
	 * @p target blocks.
	 *
	 * @param target the target, written at its position
	 * @param source a file that can seek; its offset is advanced also on failure
	 * @param count  how many bytes to send at most
	 * @param flags  direct
	 * @return bytes sent, or: resource_unavailable_try_again (@p target is O_NONBLOCK),
	 *         broken_pipe, bad_file_descriptor, invalid_argument, illegal_seek,
	 *         value_too_large, and any error of the two files
	 */
	[[nodiscard]] Result<std::size_t> sendfile(int target, File source, std::size_t count,
						   SendfileFlags flags = SendfileFlags::none) const;

	/** sendfile() until @p count bytes are sent. */
	Transfer sendfile_all(int target, File source, std::uint64_t count,
			      SendfileFlags flags = SendfileFlags::none,
			      const Until &until = {}) const;

private:
	Fd fd_;
};

/**
 * Moves bytes from one file to another through a pipe: fills and drains the pipe in turn until
 * @p len bytes are at the target, the source ends, or an error occurs.
 *
 * After an error, the pipe keeps the bytes that are in it.  If the target was only not ready,
 * continue with pipe.reader.splice_all_to(target, read - written).
 *
 * @param source the source
 * @param pipe   empty, and used by nobody else
 * @param target the target
 * @param len    how many bytes to move at most
 * @param flags  for both directions
 * @param policy as for WriteEnd::splice_from()
 * @param until  when to end early
 */
Relay splice_all(File source, const Pipe &pipe, File target, std::uint64_t len,
		 SpliceFlags flags = SpliceFlags::none, Policy policy = Policy::module_default,
		 const Until &until = {});

} // namespace privpipe

#pragma GCC visibility pop
