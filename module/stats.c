// SPDX-License-Identifier: GPL-2.0
/*
 * Counters: one value per file in sysfs, one copy per CPU.  Only root may read them,
 * because they are exact and would tell each user how much others transfer.
 */
#include <linux/device.h>
#include <linux/kernel.h>

#include "stats.h"

DEFINE_PER_CPU(struct pp_stats, pp_stats);

/**
 * pp_stats_read() - Add up a counter over all CPUs.
 * @which: which
 *
 * Return: its value, exact once nobody counts any more.
 */
u64 pp_stats_read(enum pp_counter which)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu(pp_stats, cpu).count[which]);
	return sum;
}

struct pp_attribute {
	struct device_attribute attr;
	enum pp_counter which;
};

static ssize_t pp_stats_show(struct device *dev, struct device_attribute *attr,
			     char *buf)
{
	struct pp_attribute *a = container_of(attr, struct pp_attribute, attr);

	return sysfs_emit(buf, "%llu\n", pp_stats_read(a->which));
}

/*
 * checkpatch: TRAILING_SEMICOLON: each makes a definition, in a list without any
 * checkpatch: COMPLEX_MACRO: each makes an element of an array
 * checkpatch: LINE_SPACING: the list is a macro
 */
#define PP_COUNTER_ATTR(name, ...)					\
static struct pp_attribute pp_attr_##name = {				\
	.attr = __ATTR(name, 0400, pp_stats_show, NULL),		\
	.which = PP_##name,						\
};
PP_COUNTERS(PP_COUNTER_ATTR)

#define PP_COUNTER_REF(name, ...) &pp_attr_##name.attr.attr,

static struct attribute *pp_stats_attrs[] = {
	PP_COUNTERS(PP_COUNTER_REF)
	NULL
};

static const struct attribute_group pp_stats_group = {
	.name = "stats",
	.attrs = pp_stats_attrs,
};

const struct attribute_group *pp_stats_groups[] = {
	&pp_stats_group,
	NULL
};
