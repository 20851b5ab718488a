// SPDX-License-Identifier: GPL-2.0
/*
 * A livepatch that changes nothing and replaces all others, as cumulative livepatches do.
 */
#include <linux/livepatch.h>
#include <linux/module.h>

static struct klp_func no_funcs[] = { {} };

static struct klp_object objects[] = {
	{ .funcs = no_funcs },
	{ }
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objects,
	.replace = true,
};

static int __init replacing_init(void)
{
	return klp_enable_patch(&patch);
}

/* Without an exit it could not be removed. */
static void __exit replacing_exit(void)
{
}

module_init(replacing_init);
module_exit(replacing_exit);
MODULE_INFO(livepatch, "Y");
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("A livepatch that replaces all others");
