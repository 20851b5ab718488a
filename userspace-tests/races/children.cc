// SPDX-License-Identifier: GPL-2.0
/* Ends that go to other processes, by fork and by message. */
#include "races/scenarios.hh"

#include "pipe/pipe.hh"
#include "races/record.hh"
#include "races/round.hh"

#include <sys/socket.h>
#include <sys/wait.h>

#include <csignal>
#include <cstring>

namespace {

/* A child writes and is gone; its end comes to us by inheritance or by a message. */
void child_writes(bool killed)
{
	Pipe pipe = make_pipe();
	size_t records = random_below(40);
	pid_t pid = checked(fork(), "fork");

	if (pid == 0) {
		Record record(pid);

		close(pipe.in());
		for (size_t i = 0; i < records; i++)
			if (write(pipe.out(), &record, sizeof(record)) < 0)
				_exit(1);
		_exit(0);
	}
	pipe.write_end.reset();
	if (killed) {
		usleep(static_cast<useconds_t>(random_below(3000)));
		kill(pid, SIGKILL);
	}

	size_t got = 0;
	Record record;

	for (ssize_t n; (n = read(pipe.in(), &record, sizeof(record))) != 0;) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n != sizeof(record) || !record.is_whole())
			complain("a record of a child came in pieces");
		got++;
	}
	if (!killed && got != records)
		complain("records of a child were lost");
	while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR)
		;
}

Fd through_a_socket(Fd fd)
{
	std::array<int, 2> ends;
	char byte = 0;
	iovec iov = {&byte, 1};
	alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control = {};
	msghdr message = {};

	message.msg_iov = &iov;
	message.msg_iovlen = 1;
	message.msg_control = control.data();
	message.msg_controllen = control.size();

	cmsghdr *header = CMSG_FIRSTHDR(&message);

	*header = {.cmsg_len = CMSG_LEN(sizeof(int)),
		   .cmsg_level = SOL_SOCKET,
		   .cmsg_type = SCM_RIGHTS};
	int raw = fd.get();

	memcpy(CMSG_DATA(header), &raw, sizeof(raw));
	checked(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), "socketpair");

	Fd near(ends[0]), far(ends[1]);

	while (sendmsg(near.get(), &message, 0) < 0)
		if (errno != EINTR)
			throw_errno("sendmsg");
	fd.reset();
	/* Now and then nobody fetches it. */
	if (random_below(4) == 0)
		return Fd();
	message.msg_controllen = control.size();
	while (recvmsg(far.get(), &message, MSG_CMSG_CLOEXEC) < 0)
		if (errno != EINTR)
			throw_errno("recvmsg");
	memcpy(&raw, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(raw));
	return Fd(raw);
}

void pass_an_end_on()
{
	Pipe pipe = make_pipe();
	Record sent(fresh_id()), got;

	while (write(pipe.out(), &sent, sizeof(sent)) < 0)
		;
	pipe.read_end = through_a_socket(std::move(pipe.read_end));
	if (pipe.in() < 0)
		return;
	while (read(pipe.in(), &got, sizeof(got)) < 0)
		;
	if (!got.is_whole() || got.id() != sent.id())
		complain("a passed end shows something else");
}

} // namespace

void children_and_messages(double seconds)
{
	Round round;

	round.loop([] { child_writes(false); });
	round.loop([] { child_writes(true); });
	round.loop(pass_an_end_on);
	round.loop([] {
		pid_t pid = checked(fork(), "fork");

		/* Everybody's ends are closed by exec, or inherited for a moment. */
		if (pid == 0) {
			execl("/proc/self/exe", "privpipe-races", "--nothing", nullptr);
			_exit(1);
		}
		while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR)
			;
	});
	round.run_for(seconds);
}
