/* SPDX-License-Identifier: GPL-2.0 */
/* Connections of every family of sockets that can be spliced from in a way of its own. */
#pragma once

#include "pipe/kinds.hh"

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

struct Family {
	const char *name;
	Connection (*connect)(); /* bytes sent on @far come out of @near */

	friend void PrintTo(const Family &family, std::ostream *out) { *out << family.name; }
};

/** TCP, Unix and TLS, and those of KCM, MPTCP and SMC that the kernel has. */
std::vector<Family> families();

/** Two ends of TLS in the kernel, with keys. */
Connection connect_tls();
/** Sends one record of type @type. */
void send_tls_record(int fd, unsigned char type, std::string_view bytes);
/** Receives one record: "TYPE 'BYTES'". */
std::string take_tls_record(int fd);
