/* SPDX-License-Identifier: GPL-2.0 */
/* Descriptors over Unix sockets. */
#pragma once

#include "support/fd.hh"

/** Sends @fd and one byte over @socket. */
void send_fd(int socket, int fd);

/** Receives them; owns -1 when no descriptor came. */
Fd receive_fd(int socket);
