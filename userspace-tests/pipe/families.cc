// SPDX-License-Identifier: GPL-2.0
#include "pipe/families.hh"

#include <linux/bpf.h>
#include <linux/genetlink.h>
#include <linux/kcm.h>
#include <linux/netlink.h>
#include <linux/smc.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cstring>

#ifndef SOL_TLS
#define SOL_TLS 282
#endif
#ifndef TCP_ULP
#define TCP_ULP 31
#endif
#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#ifndef AF_KCM
#define AF_KCM 41
#endif
#ifndef AF_SMC
#define AF_SMC 43
#endif

namespace {

Connection connect_like_tcp(int family, int protocol)
{
	sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	auto *bound = reinterpret_cast<sockaddr *>(&address);
	socklen_t size = sizeof(address);
	Fd listener(socket(family, SOCK_STREAM | SOCK_CLOEXEC, protocol), "socket");
	Fd far(socket(family, SOCK_STREAM | SOCK_CLOEXEC, protocol), "socket");

	checked(bind(listener.get(), bound, size), "bind");
	checked(listen(listener.get(), 1), "listen");
	checked(getsockname(listener.get(), bound, &size), "getsockname");
	checked(connect(far.get(), bound, size), "connect over loopback");
	return {Fd(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept"),
		std::move(far)};
}

Connection connect_tcp()
{
	return connect_kind(Kind::tcp, false);
}

Connection connect_unix()
{
	return connect_kind(Kind::unix_stream, false);
}

Connection connect_mptcp()
{
	return connect_like_tcp(AF_INET, IPPROTO_MPTCP);
}

/* A request of generic netlink's with one attribute, which is text. */
struct Request {
	nlmsghdr header = {};
	genlmsghdr command = {};
	nlattr attribute = {};
	std::array<char, SMC_MAX_EID_LEN + 1> text = {};
};

/* Sends it; returns the answer, or the acknowledgement if there is no other. */
std::string ask(int family, uint8_t command, uint16_t attribute, std::string_view text)
{
	Fd netlink(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC), "netlink");
	std::string answer(4096, '\0');
	Request request;

	text.copy(request.text.data(), text.size());
	request.attribute.nla_type = attribute;
	request.attribute.nla_len = uint16_t(NLA_HDRLEN + text.size() + 1);
	request.command = {.cmd = command, .version = 1, .reserved = 0};
	request.header.nlmsg_type = uint16_t(family);
	request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	request.header.nlmsg_len =
		uint32_t(NLMSG_ALIGN(offsetof(Request, attribute) + request.attribute.nla_len));
	checked(send(netlink.get(), &request, request.header.nlmsg_len, 0), "ask netlink");
	answer.resize(size_t(
		checked(recv(netlink.get(), answer.data(), answer.size(), 0), "netlink's answer")));
	return answer;
}

/* What an answer of netlink's reports: 0 or a negative errno. */
int error_in(const std::string &answer)
{
	auto *header = reinterpret_cast<const nlmsghdr *>(answer.data());

	return header->nlmsg_type == NLMSG_ERROR
		       ? reinterpret_cast<const nlmsgerr *>(header + 1)->error
		       : 0;
}

/* The number by which generic netlink knows SMC. */
int number_of_smc()
{
	const std::string answer =
		ask(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME, SMC_GENL_FAMILY_NAME);

	if (error_in(answer))
		throw_errno("netlink knows no SMC", -error_in(answer));
	for (size_t at = NLMSG_HDRLEN + GENL_HDRLEN; at + NLA_HDRLEN < answer.size();) {
		auto *found = reinterpret_cast<const nlattr *>(answer.data() + at);

		if (found->nla_type == CTRL_ATTR_FAMILY_ID)
			return *reinterpret_cast<const uint16_t *>(found + 1);
		at += std::max<size_t>(NLA_ALIGN(found->nla_len), NLA_HDRLEN);
	}
	throw_errno("netlink's SMC has no number", ENOENT);
}

/* Two sockets of SMC's share memory only if they find that they have a name in common. */
void name_for_smc()
{
	std::string name = "PRIVPIPE";

	name.resize(SMC_MAX_EID_LEN, ' ');

	const int error =
		error_in(ask(number_of_smc(), SMC_NETLINK_ADD_UEID, SMC_NLA_EID_TABLE_ENTRY, name));

	if (error && error != -EEXIST)
		throw_errno("name for SMC", -error);
}

/* Without a device for it, this is TCP behind the operations of SMC. */
Connection connect_smc()
{
	name_for_smc();
	return connect_like_tcp(AF_SMC, 0);
}

/* "The whole queue is one message": return skb->len. */
Fd load_parser()
{
	const std::array<bpf_insn, 2> program = {{
		{.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = 0, .src_reg = 1, .off = 0},
		{.code = BPF_JMP | BPF_EXIT},
	}};
	bpf_attr attr = {};

	attr.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
	attr.insns = reinterpret_cast<uintptr_t>(program.data());
	attr.insn_cnt = program.size();
	attr.license = reinterpret_cast<uintptr_t>("GPL");
	return Fd(static_cast<int>(syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr))),
		  "load a BPF program");
}

Fd kcm_over(int tcp)
{
	Fd parser = load_parser();
	Fd kcm(socket(AF_KCM, SOCK_SEQPACKET | SOCK_CLOEXEC, KCMPROTO_CONNECTED), "socket");
	kcm_attach attach = {tcp, parser.get()};

	checked(ioctl(kcm.get(), SIOCKCMATTACH, &attach), "SIOCKCMATTACH");
	return kcm;
}

Connection connect_kcm()
{
	Connection tcp = connect_tcp();

	return {kcm_over(tcp.near.get()), std::move(tcp.far)};
}

bool there_is(int family, int protocol, int type = SOCK_STREAM)
{
	return Fd(socket(family, type | SOCK_CLOEXEC, protocol)).get() >= 0;
}

void start_tls(int fd, int direction)
{
	tls12_crypto_info_aes_gcm_128 keys = {};

	keys.info.version = TLS_1_2_VERSION;
	keys.info.cipher_type = TLS_CIPHER_AES_GCM_128;
	checked(setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls")), "TCP_ULP");
	checked(setsockopt(fd, SOL_TLS, direction, &keys, sizeof(keys)), "keys for TLS");
}

/* A message with room for the type of its record. */
struct Record {
	Record(char *bytes, size_t size) : iov{bytes, size}
	{
		message.msg_iov = &iov;
		message.msg_iovlen = 1;
		message.msg_control = room.data();
		message.msg_controllen = room.size();
	}

	iovec iov;
	alignas(cmsghdr) std::array<char, CMSG_SPACE(1)> room = {};
	msghdr message = {};
};

} // namespace

std::vector<Family> families()
{
	std::vector<Family> all = {
		{"tcp", connect_tcp},
		{"unix", connect_unix},
		{"tls", connect_tls},
	};

	/* A KCM socket has no ioctls for 32-bit processes. */
	if (sizeof(long) == 8 && there_is(AF_KCM, KCMPROTO_CONNECTED, SOCK_SEQPACKET))
		all.push_back({"kcm", connect_kcm});
	if (there_is(AF_INET, IPPROTO_MPTCP))
		all.push_back({"mptcp", connect_mptcp});
	if (there_is(AF_SMC, 0))
		all.push_back({"smc", connect_smc});
	return all;
}

Connection connect_tls()
{
	Connection tcp = connect_tcp();

	start_tls(tcp.far.get(), TLS_TX);
	start_tls(tcp.near.get(), TLS_RX);
	return tcp;
}

void send_tls_record(int fd, unsigned char type, std::string_view bytes)
{
	Record record(const_cast<char *>(bytes.data()), bytes.size());
	cmsghdr *control = CMSG_FIRSTHDR(&record.message);

	control->cmsg_level = SOL_TLS;
	control->cmsg_type = TLS_SET_RECORD_TYPE;
	control->cmsg_len = CMSG_LEN(1);
	*CMSG_DATA(control) = type;
	checked(sendmsg(fd, &record.message, 0), "send a record");
}

std::string take_tls_record(int fd)
{
	std::array<char, 100> bytes;
	Record record(bytes.data(), bytes.size());
	const ssize_t got = recvmsg(fd, &record.message, 0);
	const cmsghdr *control = got < 0 ? nullptr : CMSG_FIRSTHDR(&record.message);

	if (!control)
		return got < 0 ? strerror(errno) : "no type";
	return std::to_string(*CMSG_DATA(control)) + " '" +
	       std::string(bytes.data(), static_cast<size_t>(got)) + "'";
}
