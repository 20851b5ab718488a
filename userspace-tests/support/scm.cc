// SPDX-License-Identifier: GPL-2.0
#include "support/scm.hh"

#include <sys/socket.h>

#include <cstring>

void send_fd(int socket, int fd)
{
	char byte = 'x';
	iovec iov = {&byte, 1};
	alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
	msghdr message = {};

	message.msg_iov = &iov;
	message.msg_iovlen = 1;
	message.msg_control = control;
	message.msg_controllen = sizeof(control);

	cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	checked(sendmsg(socket, &message, 0), "sendmsg");
}

Fd receive_fd(int socket)
{
	char byte;
	iovec iov = {&byte, 1};
	alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
	msghdr message = {};
	int fd = -1;

	message.msg_iov = &iov;
	message.msg_iovlen = 1;
	message.msg_control = control;
	message.msg_controllen = sizeof(control);
	checked(recvmsg(socket, &message, MSG_CMSG_CLOEXEC), "recvmsg");
	if (cmsghdr *header = CMSG_FIRSTHDR(&message))
		memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return Fd(fd);
}
