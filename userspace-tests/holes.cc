// SPDX-License-Identifier: GPL-2.0
/*
 * Holes of the past, on a kernel that has them again: does what a pipe holds of a file still lead
 * to the file? Each test opens a file that it made itself, for reading only, and looks whether its
 * page cache was altered. See scripts/test/prove-harden.
 */
#include "holes/network.hh"
#include "pipe/kinds.hh"
#include "pipe/pipe.hh"
#include "support/async.hh"
#include "support/files.hh"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <linux/if_alg.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/udp.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

namespace {

constexpr size_t part = 100;

/* A file that nobody writes to once it is made. */
class Untouched {
public:
	Untouched() : file_(on_ext4, bytes()), fd_(file_.reopen(O_RDONLY))
	{
		file_.forget();
		EXPECT_EQ(in_cache(), bytes());
	}

	int fd() const { return fd_.get(); }
	static std::string bytes() { return pattern(page_size); }

	/* The bytes that each reader of the file gets, until it is read from the disk again. */
	Content content() const
	{
		Content content = in_cache() == bytes() ? Content::kept : Content::changed;

		/* A page can't be forgotten as long as a packet has it. */
		EXPECT_TRUE(eventually([&] {
			free_packets();
			return forget_and_read() == bytes();
		})) << "even the disk has other bytes";
		return content;
	}

private:
	std::string in_cache() const { return read_at(fd_.get(), 0, page_size); }
	std::string forget_and_read() const
	{
		file_.forget();
		return in_cache();
	}

	File file_;
	Fd fd_;
};

/* A pipe whose slots have all been used by writes before. */
Pipe used_pipe()
{
	Pipe pipe = make_stock_pipe();

	fill(pipe);
	drain(pipe.in());
	return pipe;
}

/* Put the first bytes of a file into a pipe, and then others by write. */
void splice_and_write(int fd, const Pipe &pipe)
{
	EXPECT_EQ(do_splice(fd, pipe.out(), part), moved(part));
	put(pipe.out(), "written");
}

/* A cipher that uses the end of its input as scratch memory, and a call of it. */
class Cipher {
public:
	static constexpr size_t associated = 8, block = 16, tag = 32;
	static constexpr size_t input = associated + block + tag;

	Cipher()
	{
		sockaddr_alg name = {};
		struct {
			rtattr header;
			std::uint32_t cipher_key_size;
			std::array<char, 32 + 16> keys;
		} key = {{offsetof(decltype(key), keys), 1 /* CRYPTO_AUTHENC_KEYA_PARAM */},
			 htonl(16),
			 {}};

		name.salg_family = AF_ALG;
		std::strcpy(reinterpret_cast<char *>(name.salg_type), "aead");
		std::strcpy(reinterpret_cast<char *>(name.salg_name),
			    "authencesn(hmac(sha256),cbc(aes))");
		checked(bind(parent_.get(), reinterpret_cast<sockaddr *>(&name), sizeof(name)),
			"bind to a cipher");
		checked(setsockopt(parent_.get(), SOL_ALG, ALG_SET_KEY, &key,
				   offsetof(decltype(key), keys) + key.keys.size()),
			"ALG_SET_KEY");
		checked(setsockopt(parent_.get(), SOL_ALG, ALG_SET_AEAD_AUTHSIZE, nullptr, tag),
			"ALG_SET_AEAD_AUTHSIZE");
		fd_ = Fd(accept(parent_.get(), nullptr, nullptr), "accept");
		announce();
	}

	int fd() const { return fd_.get(); }

	/* Decrypts the bytes that were sent, which were never encrypted. */
	Result decrypt()
	{
		std::array<char, associated + block> out;

		return result_of(read(fd_.get(), out.data(), out.size()));
	}

private:
	/* Asks for decryption; the data begins with associated data. */
	void announce()
	{
		alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(std::uint32_t)) * 2> control =
			{};
		msghdr message = {};
		const std::array<std::array<std::uint32_t, 2>, 2> words = {
			{{ALG_SET_OP, ALG_OP_DECRYPT}, {ALG_SET_AEAD_ASSOCLEN, associated}}};

		message.msg_control = control.data();
		message.msg_controllen = control.size();
		cmsghdr *header = CMSG_FIRSTHDR(&message);
		for (const auto &[type, value] : words) {
			header->cmsg_level = SOL_ALG;
			header->cmsg_type = static_cast<int>(type);
			header->cmsg_len = CMSG_LEN(sizeof(value));
			std::memcpy(CMSG_DATA(header), &value, sizeof(value));
			header = CMSG_NXTHDR(&message, header);
		}
		checked(sendmsg(fd_.get(), &message, MSG_MORE), "announce");
	}

	Fd parent_{socket(AF_ALG, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), "socket"};
	Fd fd_;
};

/* Splices @size bytes of what is in a pipe to a socket. */
void send_spliced(const Pipe &pipe, int socket, size_t size)
{
	EXPECT_EQ(do_splice(pipe.in(), socket, size), moved(size));
}

/* What precedes the @size bytes of a packet of ESP in TCP: a length, and the header. */
std::string tcp_header(size_t size)
{
	const std::string header = Association::header();
	const size_t length = 2 + header.size() + size;

	return std::string{static_cast<char>(length >> 8), static_cast<char>(length)} + header;
}

Result take_esp_from_tcp(int socket)
{
	return result_of(setsockopt(socket, IPPROTO_TCP, TCP_ULP, "espintcp", sizeof("espintcp")));
}

/* The kernel decrypts what has arrived, and finds that nobody had encrypted it. */
void decrypt_from_tcp(int socket, size_t size, const Association &association)
{
	EXPECT_TRUE(eventually([&] { return unread(socket) == size; }));
	EXPECT_EQ(take_esp_from_tcp(socket), moved(0));
	EXPECT_TRUE(eventually([&] { return association.refused() == 1; }));
}

} // namespace

TEST(DirtyPipe, AWriteBehindBytesOfAFile)
{
	Untouched file;
	Pipe pipe = used_pipe();

	splice_and_write(file.fd(), pipe);
	EXPECT_EQ(drain(pipe.in()), Untouched::bytes().substr(0, part) + "written");
	EXPECT_EQ(file.content(), expected().file_written);
}

/* The mistake is there: bytes that are written need no slot of their own. */
TEST(Mistake, AWriteIsAddedToThePageOfAFile)
{
	Untouched file;
	Pipe pipe = used_pipe();

	splice_and_write(file.fd(), pipe);
	EXPECT_EQ(fill(pipe).size(), default_capacity - page_size);
}

TEST(CopyFail, ACipherWhoseInputIsAFile)
{
	Untouched file;
	Pipe pipe = used_pipe();
	Cipher cipher;

	EXPECT_EQ(do_splice(file.fd(), pipe.out(), Cipher::input), moved(Cipher::input));
	EXPECT_EQ(do_splice(pipe.in(), cipher.fd(), Cipher::input), moved(Cipher::input));
	EXPECT_EQ(cipher.decrypt(), failed(EBADMSG));
	EXPECT_EQ(file.content(), expected().file_written);
}

TEST(DirtyFrag, ESPInADatagramOfAFile)
{
	OwnNetwork network;
	Association association(UDP_ENCAP_ESPINUDP);
	Connection udp = connect_kind(Kind::udp, false);
	const int encapsulation = UDP_ENCAP_ESPINUDP;
	const std::string header = Association::header();
	Untouched file;
	Pipe pipe = make_stock_pipe();

	checked(setsockopt(udp.near.get(), IPPROTO_UDP, UDP_ENCAP, &encapsulation,
			   sizeof(encapsulation)),
		"UDP_ENCAP");
	put(pipe.out(), header);
	EXPECT_EQ(do_splice(file.fd(), pipe.out(), part), moved(part));
	send_spliced(pipe, udp.far.get(), header.size() + part);
	EXPECT_TRUE(eventually([&] { return association.refused() == 1; }));
	EXPECT_EQ(file.content(), expected().file_written);
}

class Fragnesia : public testing::Test {
protected:
	OwnNetwork network;
	Association association{TCP_ENCAP_ESPINTCP};
	Connection tcp = connect_kind(Kind::tcp, false);
	const std::string header = tcp_header(part);
	Untouched file;
	Pipe pipe = make_stock_pipe();
};

/* The file is added to a segment that has been received, and that is nobody else's any more. */
TEST_F(Fragnesia, ESPInTCPJoinsAFileToASegment)
{
	put(tcp.far.get(), header);
	EXPECT_TRUE(eventually([&] {
		int unacknowledged;

		return !checked(ioctl(tcp.far.get(), SIOCOUTQ, &unacknowledged), "SIOCOUTQ") &&
		       !unacknowledged;
	}));
	EXPECT_EQ(do_splice(file.fd(), pipe.out(), part), moved(part));
	send_spliced(pipe, tcp.far.get(), part);
	decrypt_from_tcp(tcp.near.get(), header.size() + part, association);
	EXPECT_EQ(file.content(), expected().file_written);
}

/* Only joining loses the mark: a file in a segment of its own is decrypted elsewhere. */
TEST_F(Fragnesia, ESPInTCPCopiesAFileThatIsMarked)
{
	put(pipe.out(), header);
	EXPECT_EQ(do_splice(file.fd(), pipe.out(), part), moved(part));
	send_spliced(pipe, tcp.far.get(), header.size() + part);
	decrypt_from_tcp(tcp.near.get(), header.size() + part, association);
	EXPECT_EQ(file.content(), Content::kept);
}

/* Debian's kernels have no ESP in TCP. Where they do, Fragnesia's tests can run there, too. */
TEST(Absent, ESPInTCP)
{
	Connection tcp = connect_kind(Kind::tcp, false);

	EXPECT_EQ(take_esp_from_tcp(tcp.near.get()), failed(ENOENT));
}

TEST(Pedit, ADatagramOfAFileIsEdited)
{
	OwnNetwork network;
	Connection udp = connect_kind(Kind::udp, false);
	Untouched file;

	invert_datagrams();
	EXPECT_EQ(do_sendfile(udp.far.get(), file.fd(), part), moved(part));
	EXPECT_EQ(get(udp.near.get(), part), inverted(Untouched::bytes().substr(0, part)));
	EXPECT_EQ(file.content(), expected().file_written);
}
