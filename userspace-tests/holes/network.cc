// SPDX-License-Identifier: GPL-2.0
#include "holes/network.hh"

#include "pipe/kinds.hh"
#include "support/cpu.hh"
#include "support/files.hh"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_pedit.h>
#include <linux/xfrm.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace {

const std::uint32_t loopback = htonl(INADDR_LOOPBACK);
const std::uint32_t spi = htonl(0x100);

template <class T>
std::string bytes_of(const T &object)
{
	return {reinterpret_cast<const char *>(&object), sizeof(object)};
}

/* An attribute; what is in a nested one are attributes. */
std::string attribute(unsigned short type, std::string_view bytes)
{
	nlattr header = {static_cast<std::uint16_t>(NLA_HDRLEN + bytes.size()), type};
	std::string all = bytes_of(header) + std::string(bytes);

	all.resize(NLA_ALIGN(all.size()));
	return all;
}

/* Has the kernel do what @body says, and returns the answer behind its header. */
std::string ask(int protocol, unsigned short type, unsigned flags, const std::string &body)
{
	Fd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol), "socket");
	nlmsghdr header = {
		.nlmsg_len = static_cast<std::uint32_t>(NLMSG_HDRLEN + body.size()),
		.nlmsg_type = type,
		.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags),
	};
	std::string message = bytes_of(header) + body;
	std::string answer(8192, '\0');

	checked(send(fd.get(), message.data(), message.size(), 0), "send to netlink");
	answer.resize(static_cast<size_t>(
		checked(recv(fd.get(), answer.data(), answer.size(), 0), "receive from netlink")));
	std::memcpy(&header, answer.data(), sizeof(header));
	answer.erase(0, NLMSG_HDRLEN);
	if (header.nlmsg_type == NLMSG_ERROR) {
		nlmsgerr result;

		std::memcpy(&result, answer.data(), sizeof(result));
		if (result.error)
			throw_errno("netlink, request " + std::to_string(type), -result.error);
	}
	return answer;
}

/* Makes what @body describes. */
void create(int protocol, unsigned short type, const std::string &body)
{
	ask(protocol, type, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, body);
}

void bring_up_loopback()
{
	Fd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
	ifreq request = {};

	std::strcpy(request.ifr_name, "lo");
	request.ifr_flags = IFF_UP;
	checked(ioctl(fd.get(), SIOCSIFFLAGS, &request), "bring up lo");
}

/*
 * ESP in TCP routes what it takes out of a socket as if it had just come in, and the kernel accepts
 * its own addresses from outside only if it is told to.
 */
void accept_own_addresses()
{
	for (std::string name : {"accept_local", "route_localnet"}) {
		std::string path = "/proc/sys/net/ipv4/conf/all/" + name;

		write_at(Fd(open(path.c_str(), O_WRONLY | O_CLOEXEC), "open " + path).get(), 0,
			 "1");
	}
}

Fd this_network()
{
	return Fd(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), "open ns/net");
}

/* Keys of 128 bits, and 32 bits of salt, all zero; a tag of 128 bits. */
std::string cipher()
{
	xfrm_algo_aead algorithm = {.alg_key_len = 128 + 32, .alg_icv_len = 128};

	std::strcpy(algorithm.alg_name, "rfc4106(gcm(aes))");
	return bytes_of(algorithm) + std::string(algorithm.alg_key_len / 8, '\0');
}

std::string encapsulated(unsigned short type)
{
	return bytes_of(xfrm_encap_tmpl{.encap_type = type});
}

/* Rules for packets that leave over loopback. */
tcmsg rule(unsigned handle, unsigned parent, unsigned info)
{
	return {
		.tcm_family = AF_UNSPEC,
		.tcm_ifindex = static_cast<int>(if_nametoindex("lo")),
		.tcm_handle = handle,
		.tcm_parent = parent,
		.tcm_info = info,
	};
}

/*
 * What to edit, at offsets from the IP header: nothing in an Ethernet address, and what a datagram
 * carries. The first is what the kernel once calculated wrong from.
 */
std::string keys()
{
	constexpr std::uint32_t headers = 20 + 8, all = ~0U;
	tc_pedit_sel selection = {};

	selection.action = TC_ACT_OK;
	selection.nkeys = 2;
	return bytes_of(selection) +
	       bytes_of(tc_pedit_key{.mask = all, .off = static_cast<std::uint32_t>(-8)}) +
	       bytes_of(tc_pedit_key{.mask = all, .val = all, .off = headers});
}

} // namespace

OwnNetwork::OwnNetwork() : before_(this_network())
{
	checked(unshare(CLONE_NEWNET), "unshare the network");
	bring_up_loopback();
	accept_own_addresses();
}

OwnNetwork::~OwnNetwork()
{
	if (setns(before_.get(), CLONE_NEWNET))
		std::abort(); /* no other test should run in there */
}

void free_packets()
{
	Connection udp = connect_kind(Kind::udp, false);
	OnOneCpu until_the_end;

	for (size_t cpu = 0; cpu < cpus(); cpu++) {
		run_on(cpu);
		put(udp.far.get(), "flush");
		get(udp.near.get(), 5);
	}
}

Association::Association(unsigned short encapsulation)
{
	xfrm_usersa_info state = {
		.id = {.spi = spi, .proto = IPPROTO_ESP},
		.lft = {XFRM_INF, XFRM_INF, XFRM_INF, XFRM_INF},
		.family = AF_INET,
		.mode = XFRM_MODE_TRANSPORT,
	};

	state.id.daddr.a4 = loopback;
	state.saddr.a4 = loopback;
	create(NETLINK_XFRM, XFRM_MSG_NEWSA,
	       bytes_of(state) + attribute(XFRMA_ALG_AEAD, cipher()) +
		       attribute(XFRMA_ENCAP, encapsulated(encapsulation)));
}

std::string Association::header()
{
	const std::uint32_t number = htonl(1);
	const std::string iv(8, '\0');

	return bytes_of(spi) + bytes_of(number) + iv;
}

unsigned Association::refused() const
{
	xfrm_usersa_id id = {.spi = spi, .family = AF_INET, .proto = IPPROTO_ESP};
	xfrm_usersa_info state;

	id.daddr.a4 = loopback;
	std::string answer = ask(NETLINK_XFRM, XFRM_MSG_GETSA, 0, bytes_of(id));
	std::memcpy(&state, answer.data(), sizeof(state));
	return state.stats.integrity_failed;
}

void invert_datagrams()
{
	const std::string action = attribute(TCA_ACT_KIND, "pedit") +
				   attribute(TCA_ACT_OPTIONS, attribute(TCA_PEDIT_PARMS, keys()));
	const std::string options = attribute(TCA_MATCHALL_ACT, attribute(1, action));

	create(NETLINK_ROUTE, RTM_NEWQDISC,
	       bytes_of(rule(TC_H_MAKE(TC_H_CLSACT, 0), TC_H_CLSACT, 0)) +
		       attribute(TCA_KIND, "clsact"));
	create(NETLINK_ROUTE, RTM_NEWTFILTER,
	       bytes_of(rule(0, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS),
			     TC_H_MAKE(1U << 16, htons(ETH_P_ALL)))) +
		       attribute(TCA_KIND, "matchall") + attribute(TCA_OPTIONS, options));
}

std::string inverted(std::string bytes)
{
	for (size_t i = 0; i < sizeof(std::uint32_t); i++)
		bytes[i] = static_cast<char>(~bytes[i]);
	return bytes;
}
