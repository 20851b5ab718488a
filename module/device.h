/* SPDX-License-Identifier: GPL-2.0 */
/* The operations of /dev/privpipe, for the KUnit suites. */
#ifndef PRIVPIPE_DEVICE_H
#define PRIVPIPE_DEVICE_H

#include <linux/fs.h>

#if IS_ENABLED(CONFIG_KUNIT)
extern const struct file_operations pp_device_fops;
#endif

#endif /* PRIVPIPE_DEVICE_H */
