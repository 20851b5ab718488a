/* SPDX-License-Identifier: GPL-2.0 */
/* The scenarios of privpipe-races, and the steps that they share. */
#pragma once

#include "pipe/pipe.hh"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>

class Ledger;

/* Each runs its threads for so many seconds and complains when something is wrong. */
void readers_and_writers(double seconds);
void pipe_to_pipe_both_ways(double seconds);
void through_a_stock_pipe(double seconds);
void tee_in_circles(double seconds);
void ends_come_and_go(double seconds);
void children_and_messages(double seconds);
void signals_in_every_wait(double seconds);
void ext4_file_changes(double seconds);
void xfs_file_changes(double seconds);
void arena_in_use(double seconds);
void little_memory(double seconds);

/** A number below @n, by a generator of the thread's own. */
uint64_t random_below(uint64_t n);

/** From one page to @most pages, in bytes. */
size_t pages(size_t most);

/** A number that no record has had yet. */
uint64_t fresh_id();

/** Complains unless @result of the call @what is a count or one of @errors. */
void expect_one_of(const char *what, Result result, std::initializer_list<int> errors);

/** Writes one Record, and enters it in @ledger if there is one. */
void write_record(const Pipe &pipe, Ledger *ledger);

/** Reads one Record, which must be whole; false when nothing came. */
bool read_record(const Pipe &pipe, Ledger *ledger, bool by_system_call = false);

/** Copies all that @pipe holds into @twin, which is empty. */
void tee_all(const Pipe &pipe, const Pipe &twin);

/** Drains both pipes; @twin, copied first, must still be equal. @bytes returns the content. */
void expect_twins(const Pipe &pipe, const Pipe &twin, std::string *bytes);

/** Writes @text to a file of the kernel's. */
void write_text(const std::string &path, const std::string &text);
