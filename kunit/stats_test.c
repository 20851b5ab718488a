// SPDX-License-Identifier: GPL-2.0
/* Counters: one copy per CPU, one file for each. */
#include <linux/device.h>
#include <linux/percpu.h>

#include "support.h"

static const struct counter {
	enum pp_counter which;
	const char *name;
} counters[] = {
#define COUNTER(name, ...) { PP_##name, #name },
	PP_COUNTERS(COUNTER)
};

KUNIT_ARRAY_PARAM_DESC(counter, counters, name);

static void stats_test_counter_has_its_file(struct kunit *test)
{
	const struct counter *c = test->param_value;
	char *page = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	struct attribute **attrs = pp_stats_groups[0]->attrs;
	struct device_attribute *attr;
	unsigned long long shown;
	u64 before;

	KUNIT_ASSERT_NOT_NULL(test, page);
	while (*attrs && strcmp((*attrs)->name, c->name))
		attrs++;
	KUNIT_ASSERT_NOT_NULL(test, *attrs);
	attr = container_of(*attrs, struct device_attribute, attr);
	KUNIT_EXPECT_EQ(test, attr->attr.mode, 0400);
	KUNIT_EXPECT_PTR_EQ(test, attr->store, NULL);

	before = pp_stats_read(c->which);
	pp_count(c->which, 12345);
	KUNIT_EXPECT_GT(test, attr->show(NULL, attr, page), 0);
	KUNIT_EXPECT_EQ(test, kstrtoull(page, 10, &shown), 0);
	KUNIT_EXPECT_EQ(test, shown, before + 12345);
	pp_count(c->which, -12345);
	KUNIT_EXPECT_EQ(test, pp_stats_read(c->which), before);
}

static void stats_test_adds_up_all_cpus(struct kunit *test)
{
	u64 before = pp_stats_read(PP_moved), sum = 0;
	int cpu;

	for_each_possible_cpu(cpu) {
		per_cpu(pp_stats, cpu).count[PP_moved] += cpu + 1;
		sum += cpu + 1;
	}
	KUNIT_EXPECT_EQ(test, pp_stats_read(PP_moved), before + sum);
	for_each_possible_cpu(cpu)
		per_cpu(pp_stats, cpu).count[PP_moved] -= cpu + 1;
	KUNIT_EXPECT_EQ(test, pp_stats_read(PP_moved), before);
}

static void stats_test_nothing_is_shown_twice(struct kunit *test)
{
	struct attribute **attrs = pp_stats_groups[0]->attrs;
	unsigned int n = 0;

	while (attrs[n])
		n++;
	KUNIT_EXPECT_EQ(test, n, PP_NR_COUNTERS);
	KUNIT_EXPECT_PTR_EQ(test, pp_stats_groups[1], NULL);
}

static struct kunit_case stats_test_cases[] = {
	KUNIT_CASE_PARAM(stats_test_counter_has_its_file, counter_gen_params),
	KUNIT_CASE(stats_test_adds_up_all_cpus),
	KUNIT_CASE(stats_test_nothing_is_shown_twice),
	{}
};

static struct kunit_suite stats_test_suite = {
	.name = "privpipe_stats",
	.test_cases = stats_test_cases,
};

kunit_test_suite(stats_test_suite);
