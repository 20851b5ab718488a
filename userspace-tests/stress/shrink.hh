/* SPDX-License-Identifier: GPL-2.0 */
#pragma once

#include "stress/program.hh"

#include <functional>

/**
 * Cuts and simplifies @program as long as @fails says that the rest still fails, or until the time
 * is over; its last operation is the one that shows the failure.
 */
Program shrink(Program program, const std::function<bool(const Program &)> &fails);
