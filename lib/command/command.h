// SPDX-License-Identifier: MIT
#pragma once

#include <cstdio>
#include <string>

/**
 * A subcommand of privpipe(1).
 *
 * @param argv the subcommand's name and its arguments
 * @return the exit status
 */
using Command = int (*)(int argc, char **argv);

int copy_command(int argc, char **argv);
int stat_command(int argc, char **argv);
int demo_command(int argc, char **argv);
int harden_command(int argc, char **argv);

/** The exit status for a wrong command line. */
constexpr int usage_error = 2;

/** Prints the usage of a subcommand; "" is privpipe itself. */
void print_usage(std::FILE *out, const std::string &name);
