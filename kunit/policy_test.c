// SPDX-License-Identifier: GPL-2.0
/* What a policy means. */

#include "policy.h"
#include "support.h"

static const struct policy_case {
	const char *name;
	unsigned int policy;
	unsigned int flags;
	unsigned int meaning;
} policy_cases[] = {
	{ "default", PRIVPIPE_POLICY_DEFAULT, 0, PRIVPIPE_POLICY_NEVER },
	{ "default, asked to move", PRIVPIPE_POLICY_DEFAULT, SPLICE_F_MOVE,
	  PRIVPIPE_POLICY_ALWAYS },
	{ "never", PRIVPIPE_POLICY_NEVER, SPLICE_F_MOVE, PRIVPIPE_POLICY_NEVER },
	{ "move", PRIVPIPE_POLICY_MOVE, SPLICE_F_MORE, PRIVPIPE_POLICY_NEVER },
	{ "move, asked to", PRIVPIPE_POLICY_MOVE, SPLICE_F_MOVE,
	  PRIVPIPE_POLICY_ALWAYS },
	{ "auto", PRIVPIPE_POLICY_AUTO, SPLICE_F_MOVE, PRIVPIPE_POLICY_AUTO },
	{ "always", PRIVPIPE_POLICY_ALWAYS, 0, PRIVPIPE_POLICY_ALWAYS },
};

KUNIT_ARRAY_PARAM_DESC(policy, policy_cases, name);

static void policy_test_resolve(struct kunit *test)
{
	const struct policy_case *c = test->param_value;

	KUNIT_EXPECT_EQ(test, pp_policy_resolve(c->policy, c->flags), c->meaning);
}

static struct kunit_case policy_test_cases[] = {
	KUNIT_CASE_PARAM(policy_test_resolve, policy_gen_params),
	{}
};

static struct kunit_suite policy_test_suite = {
	.name = "privpipe_policy",
	.test_cases = policy_test_cases,
};

kunit_test_suite(policy_test_suite);
