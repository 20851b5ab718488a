// SPDX-License-Identifier: GPL-2.0
#include "support/users.hh"

#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <fstream>

int module_users()
{
	int users = -1;

	std::ifstream("/sys/module/privpipe/refcnt") >> users;
	return users;
}

testing::AssertionResult module_users_become(int users)
{
	const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);

	while (module_users() != users && std::chrono::steady_clock::now() < give_up)
		sched_yield();
	if (module_users() == users)
		return testing::AssertionSuccess();
	return testing::AssertionFailure() << module_users() << " users, expected " << users;
}

Result remove_module()
{
	return result_of(syscall(SYS_delete_module, "privpipe", O_NONBLOCK));
}
