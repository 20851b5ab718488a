/* SPDX-License-Identifier: GPL-2.0 */
/* The guest around the suites: file systems, modules, the verdict. */
#pragma once

#include <string>

/**
 * Reports to the host through QEMU's isa-debug-exit device, which ends the guest at once, or in
 * User-Mode Linux by the last line of the results. Nothing else can say "passed": silence, a panic
 * or a reboot never looks like it.
 */
[[noreturn]] void finish(bool passed);

/** Prints @p what with errno's meaning and reports failure. */
[[noreturn]] void die(const std::string &what);

/** Mounts the kernel's file systems and moves the standard streams to the results' serial line. */
void set_up_kernel_interfaces();

/** Loads the modules listed in /etc/modules-load, in that order. */
void load_stock_modules();

/** Mounts the host's fresh disks and a tmpfs below /mnt. */
void mount_disks();

/** Brings the loopback device up. */
void bring_up_loopback();

/** Loads or unloads privpipe.ko; true when that worked. Unloading waits a little for last users. */
bool load_privpipe();
bool unload_privpipe();

/** Writes the counts of gcov, if the kernel has it, to the raw disk, as a tar archive. */
void save_coverage();

/** Lines of @p path that contain @p word; none if there is no such file. */
std::string grep(const char *path, const std::string &word);

/** Writes @p text to a file of the kernel's; false if it does not take it. */
bool write_file(const char *path, const std::string &text);
