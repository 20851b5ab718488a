// SPDX-License-Identifier: GPL-2.0
/* Arguments that splice refuses, and the errno when several things are wrong. */
#include "pipe/kinds.hh"
#include "pipe/pipe.hh"
#include "pipe/signals.hh"
#include "support/files.hh"
#include "support/oddities.hh"

#include <gtest/gtest.h>

#include <climits>
#include <cstdint>

namespace {

constexpr unsigned unknown_flag = 1 << 4;
constexpr unsigned all_flags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT;

class SpliceErrors : public testing::Test {
protected:
	SpliceErrors() { put(full.out(), contents); }
	~SpliceErrors() override
	{
		/* A call that is refused moves nothing. */
		EXPECT_EQ(drain(full.in()), contents);
		EXPECT_EQ(unread(empty.in()), 0u);
		EXPECT_EQ(file.position(), 0);
		EXPECT_EQ(file.read_at(0, 100), contents);
	}

	const std::string contents = "what was there before";
	File file{on_ext4, contents};
	Pipe empty = make_pipe();
	Pipe full = make_pipe();
	off64_t offset = 0;
	off64_t *bad = static_cast<off64_t *>(nowhere());
};

} // namespace

TEST_F(SpliceErrors, LengthZeroIsZeroWhateverElseIsWrong)
{
	EXPECT_EQ(backend().splice(-1, bad, -1, bad, 0, unknown_flag), moved(0));
}

TEST_F(SpliceErrors, AnUnknownFlagIsEinvalBeforeTheDescriptorsAreLookedAt)
{
	EXPECT_EQ(backend().splice(-1, bad, -1, bad, 1, unknown_flag), failed(EINVAL));
	EXPECT_EQ(do_splice(file.fd(), empty.out(), 1, unknown_flag), failed(EINVAL));
	EXPECT_EQ(do_splice(file.fd(), empty.out(), 1, 1u << 31), failed(EINVAL));
}

TEST_F(SpliceErrors, ADescriptorThatIsNotOpenIsEbadf)
{
	EXPECT_EQ(do_splice(-1, empty.out(), 1), failed(EBADF));
	EXPECT_EQ(do_splice(full.in(), -1, 1), failed(EBADF));
	EXPECT_EQ(do_splice(-1, -1, 1), failed(EBADF));
	EXPECT_EQ(do_splice(INT_MAX, empty.out(), 1), failed(EBADF));
}

TEST_F(SpliceErrors, APathDescriptorIsEbadf)
{
	Fd path = file.reopen(O_PATH);

	EXPECT_EQ(do_splice(path.get(), empty.out(), 1), failed(EBADF));
	EXPECT_EQ(do_splice(full.in(), path.get(), 1), failed(EBADF));
}

TEST_F(SpliceErrors, AnInputThatCannotBeReadIsEbadf)
{
	Fd write_only = file.reopen(O_WRONLY);

	EXPECT_EQ(do_splice(write_only.get(), empty.out(), 1), failed(EBADF));
	EXPECT_EQ(do_splice(full.out(), file.fd(), 1), failed(EBADF));
	EXPECT_EQ(do_splice(full.out(), empty.out(), 1), failed(EBADF));
}

TEST_F(SpliceErrors, AnOutputThatCannotBeWrittenIsEbadf)
{
	Fd read_only = file.reopen(O_RDONLY);

	EXPECT_EQ(do_splice(full.in(), read_only.get(), 1), failed(EBADF));
	EXPECT_EQ(do_splice(file.fd(), empty.in(), 1), failed(EBADF));
	EXPECT_EQ(do_splice(full.in(), empty.in(), 1), failed(EBADF));
}

TEST_F(SpliceErrors, AnOffsetForThePipeIsEspipeBeforeItIsRead)
{
	for (off64_t *off : {&offset, bad}) {
		EXPECT_EQ(backend().splice(full.in(), off, file.fd(), nullptr, 1, 0),
			  failed(ESPIPE));
		EXPECT_EQ(backend().splice(file.fd(), nullptr, empty.out(), off, 1, 0),
			  failed(ESPIPE));
		EXPECT_EQ(backend().splice(full.in(), off, empty.out(), nullptr, 1, 0),
			  failed(ESPIPE));
		EXPECT_EQ(backend().splice(full.in(), nullptr, empty.out(), off, 1, 0),
			  failed(ESPIPE));
	}
}

TEST_F(SpliceErrors, AnOffsetThatCannotBeReadIsEfault)
{
	EXPECT_EQ(backend().splice(full.in(), nullptr, file.fd(), bad, 1, 0), failed(EFAULT));
	EXPECT_EQ(backend().splice(file.fd(), bad, empty.out(), nullptr, 1, 0), failed(EFAULT));
}

TEST_F(SpliceErrors, AnOffsetForASocketIsEinval)
{
	for (Kind kind : socket_kinds) {
		Connection connection = connect_kind(kind, true);
		int socket = connection.near.get();

		EXPECT_EQ(backend().splice(full.in(), nullptr, socket, &offset, 1, 0),
			  failed(EINVAL))
			<< kind_name(kind);
		EXPECT_EQ(backend().splice(socket, &offset, empty.out(), nullptr, 1, 0),
			  failed(EINVAL))
			<< kind_name(kind);
	}
}

TEST_F(SpliceErrors, TwoFilesWithoutAPipeAreEinval)
{
	File other(on_tmpfs, contents);
	Connection tcp = connect_kind(Kind::tcp, true);

	EXPECT_EQ(do_splice(file.fd(), other.fd(), 1), failed(EINVAL));
	EXPECT_EQ(do_splice(file.fd(), tcp.near.get(), 1), failed(EINVAL));
	EXPECT_EQ(do_splice(tcp.near.get(), file.fd(), 1), failed(EINVAL));
}

TEST_F(SpliceErrors, BothEndsOfOnePipeAreEinval)
{
	Fd copy(dup(full.out()));

	EXPECT_EQ(do_splice(full.in(), full.out(), 1), failed(EINVAL));
	EXPECT_EQ(do_splice(full.in(), copy.get(), 1), failed(EINVAL));
}

TEST_F(SpliceErrors, AnOutputOpenedForAppendingIsEinval)
{
	Fd appending = file.reopen(O_WRONLY | O_APPEND);

	EXPECT_EQ(do_splice(full.in(), appending.get(), 1), failed(EINVAL));
	EXPECT_EQ(backend().splice(full.in(), nullptr, appending.get(), &offset, 1, 0),
		  failed(EINVAL));
}

TEST_F(SpliceErrors, ANegativeOffsetIsEinval)
{
	for (off64_t negative : {off64_t(-1), off64_t(INT64_MIN)}) {
		offset = negative;
		EXPECT_EQ(backend().splice(file.fd(), &offset, empty.out(), nullptr, 1, 0),
			  failed(EINVAL));
		EXPECT_EQ(backend().splice(full.in(), nullptr, file.fd(), &offset, 1, 0),
			  failed(EINVAL));
		EXPECT_EQ(offset, negative);
	}
}

TEST_F(SpliceErrors, AnOffsetThatOverflowsWithTheLengthIsEinval)
{
	for (off64_t far : {off64_t(INT64_MAX), off64_t(INT64_MAX - 4095)}) {
		offset = far;
		EXPECT_EQ(backend().splice(file.fd(), &offset, empty.out(), nullptr, 4096, 0),
			  failed(EINVAL));
		EXPECT_EQ(backend().splice(full.in(), nullptr, file.fd(), &offset, 4096, 0),
			  failed(EINVAL));
		EXPECT_EQ(offset, far);
	}
}

TEST_F(SpliceErrors, ALengthOverSsizeMaxIsEinval)
{
	Fd zero = open_seekable(Kind::zero, "");

	for (size_t len : {size_t(SSIZE_MAX) + 1, SIZE_MAX}) {
		EXPECT_EQ(do_splice(file.fd(), empty.out(), len), failed(EINVAL));
		EXPECT_EQ(do_splice(zero.get(), empty.out(), len), failed(EINVAL));
		EXPECT_EQ(do_splice(full.in(), file.fd(), len), failed(EINVAL));
	}
}

TEST_F(SpliceErrors, ASourceThatKnowsNoSpliceIsEinval)
{
	for (const Oddity &oddity : unspliceable())
		EXPECT_EQ(do_splice(oddity.fd.get(), empty.out(), 1), failed(EINVAL))
			<< oddity.name;
}

TEST_F(SpliceErrors, ASinkThatKnowsNoSpliceIsEinvalOrCannotBeWritten)
{
	Fd dev_full(open("/dev/full", O_RDWR | O_CLOEXEC), "open /dev/full");

	EXPECT_EQ(do_splice(full.in(), dev_full.get(), 1), failed(EINVAL));
	for (const Oddity &oddity : unspliceable()) {
		int mode = fcntl(oddity.fd.get(), F_GETFL) & O_ACCMODE;

		EXPECT_EQ(do_splice(full.in(), oddity.fd.get(), 1),
			  failed(mode == O_RDONLY ? EBADF : EINVAL))
			<< oddity.name;
	}
}

TEST_F(SpliceErrors, AFullPipeDoesNotHideAnError)
{
	Pipe pipe = make_pipe(O_NONBLOCK);

	fill(pipe);
	offset = -1;
	EXPECT_EQ(do_splice(file.fd(), pipe.out(), 1), failed(EAGAIN));
	EXPECT_EQ(backend().splice(file.fd(), &offset, pipe.out(), nullptr, 1, 0), failed(EINVAL));
	EXPECT_EQ(do_splice(-1, pipe.out(), 1), failed(EBADF));
}

TEST_F(SpliceErrors, AllKnownFlagsAreAccepted)
{
	Pipe pipe = make_pipe();

	for (unsigned flag : {SPLICE_F_MOVE, SPLICE_F_NONBLOCK, SPLICE_F_MORE, SPLICE_F_GIFT,
			      static_cast<int>(all_flags)}) {
		offset = 0;
		EXPECT_EQ(backend().splice(file.fd(), &offset, pipe.out(), nullptr, 4, flag),
			  moved(4));
	}
}

/* splice first checks that the pipe has a reader. */
class SpliceToNobody : public testing::TestWithParam<Kind> {};

TEST_P(SpliceToNobody, IsEpipeWithSigpipeEvenAtTheEndOfTheSource)
{
	CatchSignal sigpipe(SIGPIPE);
	Source source(GetParam(), "");
	Pipe pipe = make_pipe();

	pipe.read_end.reset();
	EXPECT_EQ(do_splice(source.fd(), pipe.out(), 1), failed(EPIPE));
	EXPECT_TRUE(was_sent(sigpipe));
}

INSTANTIATE_TEST_SUITE_P(Sources, SpliceToNobody,
			 testing::ValuesIn(seekable_sources + socket_kinds +
					   std::vector{Kind::zero}),
			 testing::PrintToStringParamName());

TEST(SplicePipeToPipe, WithoutAReaderIsEpipeWithSigpipe)
{
	CatchSignal sigpipe(SIGPIPE);
	Pipe from = make_pipe();
	Pipe to = make_pipe();

	put(from.out(), "abc");
	to.read_end.reset();
	EXPECT_EQ(do_splice(from.in(), to.out(), 3), failed(EPIPE));
	EXPECT_TRUE(was_sent(sigpipe));
	EXPECT_EQ(drain(from.in()), "abc");
}

TEST(SplicePipeToPipe, AnyLengthMovesWhatIsThere)
{
	Pipe from = make_pipe();
	Pipe to = make_pipe();

	put(from.out(), "abc");
	EXPECT_EQ(do_splice(from.in(), to.out(), SIZE_MAX), moved(3));
	EXPECT_EQ(drain(to.in()), "abc");
}

TEST(SpliceWriteBack, AnOffsetThatCannotBeWrittenIsEfaultAfterTheMove)
{
	File file(on_ext4, pattern(1000));
	Pipe pipe = make_pipe();
	Mapping memory(page_size);
	auto *offset = reinterpret_cast<off64_t *>(memory.data());

	memory.protect_from_writes();
	EXPECT_EQ(backend().splice(file.fd(), offset, pipe.out(), nullptr, 100, 0), failed(EFAULT));
	EXPECT_TRUE(same(drain(pipe.in()), pattern(100)));
	put(pipe.out(), "abc");
	EXPECT_EQ(backend().splice(pipe.in(), nullptr, file.fd(), offset, 3, 0), failed(EFAULT));
	EXPECT_EQ(file.read_at(0, 3), "abc");
	EXPECT_EQ(unread(pipe.in()), 0u);
}
