/* SPDX-License-Identifier: GPL-2.0 */
/* The number of users of privpipe.ko. */
#pragma once

#include "support/result.hh"

#include <gtest/gtest.h>

/** How many files hold the module; -1 when it is not loaded. */
int module_users();
/** Waits until @users files hold the module: the last put of a file may be on its way. */
testing::AssertionResult module_users_become(int users);
/** delete_module(2): EAGAIN says that somebody holds the module. */
Result remove_module();
