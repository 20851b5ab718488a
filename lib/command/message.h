// SPDX-License-Identifier: MIT
#pragma once

#include <expected>
#include <string>
#include <system_error>

/** Prints "privpipe: @p what: @p why" to stderr. @return 1, an exit status */
int complain(const std::string &what, std::error_code why);

/** Prints "privpipe: @p message" to stderr. @return 1, an exit status */
int complain(const std::string &message);

/** @return a message: "@p operation '@p name': @p why" */
std::unexpected<std::string> failed(const std::string &operation, const std::string &name,
				    std::error_code why);

/** @return errno as an error_code */
std::error_code last_error();

/** @return a number of bytes in readable form: "64.0 MiB" */
std::string human(double bytes);
