/* SPDX-License-Identifier: GPL-2.0 */
/* A network of a test's own, and what the kernel is told to do to the packets in it. */
#pragma once

#include "support/fd.hh"

#include <string>

/** While it exists, this thread is in a network with nothing but a loopback device. */
class OwnNetwork {
public:
	OwnNetwork();
	~OwnNetwork();
	OwnNetwork(const OwnNetwork &) = delete;
	OwnNetwork &operator=(const OwnNetwork &) = delete;

private:
	Fd before_;
};

/**
 * Has every CPU free the packets that other CPUs have left to it: it does so when it receives one.
 */
void free_packets();

/**
 * The kernel decrypts ESP packets that reach this network in the way of @encapsulation,
 * UDP_ENCAP_ESPINUDP or TCP_ENCAP_ESPINTCP. It lasts as long as the network.
 */
class Association {
public:
	explicit Association(unsigned short encapsulation);

	/** The begin of a packet; what follows is decrypted. */
	static std::string header();
	/** Packets that were decrypted and then thrown away, since their tag is wrong. */
	unsigned refused() const;
};

/** All UDP datagrams that leave over this network's loopback have their first four bytes inverted.
 */
void invert_datagrams();
/** What such a datagram with @bytes arrives as. */
std::string inverted(std::string bytes);
