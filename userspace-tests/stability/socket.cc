// SPDX-License-Identifier: GPL-2.0
/* D8: pages that a socket brings may belong to a file at the other end of the connection. */
#include "pipe/kinds.hh"
#include "support/files.hh"

#include <gtest/gtest.h>

#include <sys/sendfile.h>

class SocketInPipe : public testing::TestWithParam<Kind> {};

TEST_P(SocketInPipe, KeepsWhatArrivedUnlessItSharesTheSendersPages)
{
	constexpr size_t size = 3 * page_size;
	const std::string original = pattern(size);
	File file(on_ext4, original);
	Connection connection = connect_kind(GetParam(), false);
	Pipe pipe = make_pipe();
	off64_t offset = 0;

	/* Stock sendfile hands the pages of the cache to the socket. */
	ASSERT_EQ(result_of(::sendfile64(connection.far.get(), file.fd(), &offset, size)),
		  moved(size));
	for (size_t done = 0; done < size;) {
		Result result = do_splice(connection.near.get(), pipe.out(), size - done);

		ASSERT_GT(result.value, 0);
		done += result.bytes();
	}
	file.write_at(0, std::string(size, 'N'));
	EXPECT_TRUE(same(drain(pipe.in()), expected().received_page_written == Content::kept
						   ? original
						   : std::string(size, 'N')));
}

TEST_P(SocketInPipe, IsSentWhatTheFileHadUnlessTheSocketSharesItsPages)
{
	constexpr size_t size = 3 * page_size;
	const std::string original = pattern(size);
	const Content content = GetParam() == Kind::tcp ? expected().sent_to_tcp_written
							: expected().sent_page_written;
	File file(on_ext4, original);
	Connection connection = connect_kind(GetParam(), true);

	ASSERT_EQ(do_sendfile(connection.near.get(), file.fd(), size), moved(size));
	file.write_at(0, std::string(size, 'N'));
	EXPECT_TRUE(same(get(connection.far.get(), size),
			 content == Content::kept ? original : std::string(size, 'N')));
}

INSTANTIATE_TEST_SUITE_P(D8, SocketInPipe, testing::Values(Kind::tcp, Kind::unix_stream),
			 testing::PrintToStringParamName());
