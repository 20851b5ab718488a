// SPDX-License-Identifier: GPL-2.0
/*
 * Counters: one value per file in sysfs, one copy per CPU.  Only root may read them,
 * because they are exact and would tell each user how much others transfer.
 */
#include "../module/compat/module_attribute.h"
#include "harden.h"

DEFINE_PER_CPU(struct pph_stats, pph_stats);

const char *const pph_path_names[PPH_NR_PATHS] = {
	[PPH_FILE] = "file",
	[PPH_SHMEM] = "shmem",
	[PPH_MEMORY] = "memory",
	[PPH_SOCKET] = "socket",
	[PPH_FUSE] = "fuse",
};

struct pph_attribute {
	struct module_attribute attr;
	size_t offset;		/* in struct pph_stats */
};

static ssize_t pph_stats_show(pp_module_attribute *attr,
			      struct module_kobject *kobj, char *buf)
{
	size_t offset = container_of(attr, struct pph_attribute, attr)->offset;
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(*(u64 *)((char *)per_cpu_ptr(&pph_stats, cpu) +
					  offset));
	return sysfs_emit(buf, "%llu\n", sum);
}

#define PPH_ATTR(_name, _kind, _path) {					\
	.attr = __ATTR(_name##_##_kind, 0400, pph_stats_show, NULL),	\
	.offset = offsetof(struct pph_stats, _kind[_path]),		\
}

static struct pph_attribute pph_attrs[] = {
	PPH_ATTR(file, calls, PPH_FILE), PPH_ATTR(file, bytes, PPH_FILE),
	PPH_ATTR(shmem, calls, PPH_SHMEM), PPH_ATTR(shmem, bytes, PPH_SHMEM),
	PPH_ATTR(memory, calls, PPH_MEMORY), PPH_ATTR(memory, bytes, PPH_MEMORY),
	PPH_ATTR(socket, calls, PPH_SOCKET), PPH_ATTR(socket, bytes, PPH_SOCKET),
	PPH_ATTR(fuse, calls, PPH_FUSE), PPH_ATTR(fuse, bytes, PPH_FUSE),
};

static struct attribute *pph_stats_attrs[] = {
	&pph_attrs[0].attr.attr, &pph_attrs[1].attr.attr,
	&pph_attrs[2].attr.attr, &pph_attrs[3].attr.attr,
	&pph_attrs[4].attr.attr, &pph_attrs[5].attr.attr,
	&pph_attrs[6].attr.attr, &pph_attrs[7].attr.attr,
	&pph_attrs[8].attr.attr, &pph_attrs[9].attr.attr,
	NULL
};

const struct attribute_group pph_stats_group = {
	.name = "stats",
	.attrs = pph_stats_attrs,
};
