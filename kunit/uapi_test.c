// SPDX-License-Identifier: GPL-2.0
/* Arguments: sizes, flags, reserved members, and the commands of each kind of file. */
#include <linux/fcntl.h>
#include <linux/fdtable.h>

#include "splice.h"
#include "support.h"

/* The largest structure, with additional room behind it. */
union arg {
	u32 size;
	u8 bytes[256];
	struct privpipe_create create;
	struct privpipe_splice splice;
	struct privpipe_vmsplice vmsplice;
	struct privpipe_tee tee;
	struct privpipe_sendfile sendfile;
	struct privpipe_resize resize;
	struct privpipe_query query;
	struct privpipe_arena arena;
};

static const struct command_case {
	const char *name;
	unsigned int cmd;
	unsigned int size;
	bool on_device;
	bool on_pipe;
	long ret;	/* of a structure of zeros, on a write end or the device */
} command_cases[] = {
	{ "create", PRIVPIPE_CREATE, 24, true, false, 0 },
	{ "splice", PRIVPIPE_SPLICE, 48, false, true, 0 },
	{ "vmsplice", PRIVPIPE_VMSPLICE, 24, false, true, 0 },
	{ "tee", PRIVPIPE_TEE, 24, false, true, 0 },
	{ "sendfile", PRIVPIPE_SENDFILE, 32, true, true, -EBADF },
	{ "resize", PRIVPIPE_RESIZE, 8, false, true, PAGE_SIZE },
	{ "query", PRIVPIPE_QUERY, 48, false, true, 0 },
	{ "arena", PRIVPIPE_ARENA, 24, true, false, -EINVAL },
};

KUNIT_ARRAY_PARAM_DESC(command, command_cases, name);

static struct file *pipe_end(struct kunit *test)
{
	struct file *ends[2];

	pp_test_pipe(test, 16, 0, ends);
	return ends[1];
}

/* A file that knows the command. */
static struct file *home(struct kunit *test, const struct command_case *c)
{
	return c->on_pipe ? pipe_end(test) : pp_test_device(test);
}

static long ioctl(struct file *file, unsigned int cmd, char __user *uarg)
{
	return file->f_op->unlocked_ioctl(file, cmd, (unsigned long)uarg);
}

/* Make the call, and close the descriptors that it returns. */
static long call(struct kunit *test, struct file *file, unsigned int cmd,
		 union arg *arg, size_t size)
{
	long ret = pp_test_command(test, file, cmd, arg, size);

	if (!ret && cmd == PRIVPIPE_CREATE) {
		close_fd(arg->create.read_fd);
		close_fd(arg->create.write_fd);
	}
	if (!ret && cmd == PRIVPIPE_ARENA)
		close_fd(arg->arena.fd);
	flush_delayed_fput();
	return ret;
}

static void uapi_test_first_version(struct kunit *test)
{
	const struct command_case *c = test->param_value;
	union arg arg = { .size = c->size };

	if (c->cmd == PRIVPIPE_SENDFILE)
		arg.sendfile.fd_in = -1;
	KUNIT_EXPECT_EQ(test, call(test, home(test, c), c->cmd, &arg, sizeof(arg)),
			c->ret);
}

static void uapi_test_smaller(struct kunit *test)
{
	const struct command_case *c = test->param_value;
	struct file *file = home(test, c);
	union arg arg = {};

	for (arg.size = 0; arg.size < c->size; arg.size++)
		KUNIT_EXPECT_EQ(test, call(test, file, c->cmd, &arg, sizeof(arg)), -EINVAL);
}

/* A caller from the future may pass more, as long as it asks for nothing new. */
static void uapi_test_larger(struct kunit *test)
{
	const struct command_case *c = test->param_value;
	struct file *file = home(test, c);
	union arg arg = {};

	arg.size = c->size + 8;
	if (c->cmd == PRIVPIPE_SENDFILE)
		arg.sendfile.fd_in = -1;
	KUNIT_EXPECT_EQ(test, call(test, file, c->cmd, &arg, sizeof(arg)), c->ret);

	memset(&arg, 0, sizeof(arg));
	arg.size = c->size + 8;
	arg.bytes[c->size + 7] = 1;
	KUNIT_EXPECT_EQ(test, call(test, file, c->cmd, &arg, sizeof(arg)), -E2BIG);
	arg.size = PAGE_SIZE + 1;
	KUNIT_EXPECT_EQ(test, call(test, file, c->cmd, &arg, sizeof(arg)), -E2BIG);
	arg.size = U32_MAX;
	KUNIT_EXPECT_EQ(test, call(test, file, c->cmd, &arg, sizeof(arg)), -E2BIG);
}

static void uapi_test_bad_address(struct kunit *test)
{
	const struct command_case *c = test->param_value;
	struct file *file = home(test, c);
	char __user *memory = pp_test_user(test, PAGE_SIZE);
	u32 size = c->size;

	KUNIT_EXPECT_EQ(test, ioctl(file, c->cmd, NULL), -EFAULT);
	/* The size can be read, the rest can't. */
	memory += PAGE_SIZE - 4;
	KUNIT_ASSERT_EQ(test, copy_to_user(memory, &size, 4), 0);
	KUNIT_EXPECT_EQ(test, ioctl(file, c->cmd, memory), -EFAULT);
}

static void uapi_test_known_where_it_belongs(struct kunit *test)
{
	const struct command_case *c = test->param_value;
	union arg arg = {};

	/* Files that know the command refuse a wrong size. */
	KUNIT_EXPECT_EQ(test, call(test, pipe_end(test), c->cmd, &arg, sizeof(arg)),
			c->on_pipe ? -EINVAL : -ENOTTY);
	KUNIT_EXPECT_EQ(test, call(test, pp_test_device(test), c->cmd, &arg, sizeof(arg)),
			c->on_device ? -EINVAL : -ENOTTY);
}

static void uapi_test_unknown_command(struct kunit *test)
{
	union arg arg = { .size = 48 };
	const unsigned int cmds[] = {
		0, PRIVPIPE_ARENA + 1, _IO(PRIVPIPE_IOC_TYPE, 255),
		_IO(PRIVPIPE_IOC_TYPE + 1, PRIVPIPE_CMD_QUERY),
		_IOR(PRIVPIPE_IOC_TYPE, PRIVPIPE_CMD_QUERY, u32), UINT_MAX,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cmds); i++) {
		KUNIT_EXPECT_EQ(test, call(test, pipe_end(test), cmds[i], &arg,
					   sizeof(arg)), -ENOTTY);
		KUNIT_EXPECT_EQ(test, call(test, pp_test_device(test), cmds[i], &arg,
					   sizeof(arg)), -ENOTTY);
	}
}

#define ARG(_cmd, _member, ...)					\
	.cmd = PRIVPIPE_##_cmd,						\
	.arg._member = { .size = sizeof(struct privpipe_##_member), __VA_ARGS__ }

static const struct bad_case {
	const char *name;
	unsigned int cmd;
	union arg arg;
	long ret;
} bad_cases[] = {
	{ "create: flag", ARG(CREATE, create, .flags = O_APPEND), -EINVAL },
	{ "create: access mode", ARG(CREATE, create, .flags = O_RDWR), -EINVAL },
	{ "create: reserved", ARG(CREATE, create, .__reserved = 1), -EINVAL },
	{ "create: capacity", ARG(CREATE, create, .capacity = U32_MAX), -EINVAL },
	{ "arena: flag", ARG(ARENA, arena, .flags = O_NONBLOCK, .length = 1), -EINVAL },
	{ "arena: reserved", ARG(ARENA, arena, .__reserved = 1, .length = 1), -EINVAL },
	{ "arena: too long", ARG(ARENA, arena, .length = U64_MAX), -EINVAL },
	{ "splice: flag", ARG(SPLICE, splice, .len = 1, .flags = 16), -EINVAL },
	{ "splice: policy", ARG(SPLICE, splice, .len = 1, .policy = 5), -EINVAL },
	{ "splice: reserved", ARG(SPLICE, splice, .len = 1, .__reserved = 1), -EINVAL },
	{ "splice: nothing to do", ARG(SPLICE, splice, .flags = 16, .fd_in = -1), 0 },
	{ "splice: descriptor", ARG(SPLICE, splice, .len = 1, .fd_in = -1, .fd_out = -1),
	  -EBADF },
	{ "vmsplice: flag", ARG(VMSPLICE, vmsplice, .flags = 16), -EINVAL },
	{ "vmsplice: array", ARG(VMSPLICE, vmsplice, .nr_segs = 1025), -EINVAL },
	{ "vmsplice: huge array", ARG(VMSPLICE, vmsplice, .nr_segs = U64_MAX), -EINVAL },
	{ "vmsplice: no array", ARG(VMSPLICE, vmsplice, .nr_segs = 2), -EFAULT },
	{ "tee: flag", ARG(TEE, tee, .flags = 16), -EINVAL },
	{ "tee: nothing to do", ARG(TEE, tee, .fd_in = -1), 0 },
	{ "tee: descriptor", ARG(TEE, tee, .len = 1, .fd_in = -1, .fd_out = -1), -EBADF },
	{ "sendfile: flag", ARG(SENDFILE, sendfile, .flags = 1), -EINVAL },
	{ "sendfile: descriptor", ARG(SENDFILE, sendfile, .fd_in = -1, .fd_out = -1), -EBADF },
	{ "sendfile: offset", ARG(SENDFILE, sendfile, .off = 1, .fd_in = -1), -EFAULT },
	{ "resize: too large", ARG(RESIZE, resize, .capacity = SZ_1G + 1), -EINVAL },
};

KUNIT_ARRAY_PARAM_DESC(bad, bad_cases, name);

static void uapi_test_arguments(struct kunit *test)
{
	const struct bad_case *c = test->param_value;
	bool device = c->cmd == PRIVPIPE_CREATE || c->cmd == PRIVPIPE_ARENA;
	union arg arg = c->arg;

	KUNIT_EXPECT_EQ(test, call(test, device ? pp_test_device(test) : pipe_end(test),
				   c->cmd, &arg, sizeof(arg)), c->ret);
}

static void uapi_test_create_returns_both_ends(struct kunit *test)
{
	union arg arg = { .create = {
		.size = sizeof(arg.create),
		.flags = O_CLOEXEC | O_NONBLOCK,
		.capacity = 3 * PAGE_SIZE,
	} };
	struct file *ends[2];

	KUNIT_ASSERT_EQ(test, pp_test_command(test, pp_test_device(test), PRIVPIPE_CREATE,
					      &arg, sizeof(arg)), 0);
	ends[0] = fget(arg.create.read_fd);
	ends[1] = fget(arg.create.write_fd);
	pp_test_keep(test, ends[0]);
	pp_test_keep(test, ends[1]);
	close_fd(arg.create.read_fd);
	close_fd(arg.create.write_fd);

	KUNIT_EXPECT_PTR_EQ(test, pp_ring_of(ends[0]), pp_ring_of(ends[1]));
	KUNIT_EXPECT_EQ(test, pp_ring_of(ends[0])->capacity, 4);
	KUNIT_EXPECT_EQ(test, pp_ring_of(ends[0])->readers, 1);
	KUNIT_EXPECT_EQ(test, pp_ring_of(ends[0])->writers, 1);
	KUNIT_EXPECT_EQ(test, ends[0]->f_mode & (FMODE_READ | FMODE_WRITE), FMODE_READ);
	KUNIT_EXPECT_EQ(test, ends[1]->f_mode & (FMODE_READ | FMODE_WRITE), FMODE_WRITE);
	KUNIT_EXPECT_TRUE(test, ends[0]->f_flags & O_NONBLOCK);
	KUNIT_EXPECT_TRUE(test, ends[1]->f_flags & O_NONBLOCK);
	KUNIT_EXPECT_TRUE(test, S_ISFIFO(file_inode(ends[0])->i_mode));
}

static void uapi_test_query_tells_what_happened(struct kunit *test)
{
	struct file *file = pp_test_file(test, SZ_64K), *ends[2];
	union arg arg = { .splice = {
		.size = sizeof(arg.splice),
		.flags = SPLICE_F_MOVE,
		.len = PAGE_SIZE,
	} };
	struct pp_ring *ring;

	pp_test_pipe(test, 16, 0, ends);
	ring = pp_ring_of(ends[0]);
	pp_test_cache(test, file, 0, 0);
	arg.splice.fd_in = pp_test_fd(test, file);
	arg.splice.fd_out = pp_test_fd(test, ends[1]);
	KUNIT_ASSERT_EQ(test, pp_test_command(test, ends[1], PRIVPIPE_SPLICE, &arg,
					      sizeof(arg)), PAGE_SIZE);
	pp_test_write(test, ends[1], PAGE_SIZE, 100);

	memset(&arg, 0, sizeof(arg));
	arg.size = sizeof(arg.query);
	KUNIT_ASSERT_EQ(test, pp_test_command(test, ends[0], PRIVPIPE_QUERY, &arg,
					      sizeof(arg)), 0);
	KUNIT_EXPECT_EQ(test, arg.query.size, sizeof(arg.query));
	KUNIT_EXPECT_EQ(test, arg.query.capacity, SZ_64K);
	KUNIT_EXPECT_EQ(test, arg.query.unread, PAGE_SIZE + 100);
	KUNIT_EXPECT_EQ(test, arg.query.held, ring->held * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, arg.query.taken, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, arg.query.copied, 100);
	KUNIT_EXPECT_EQ(test, arg.query.moved, 0);
}

/* A caller that must not wait gets -EAGAIN. */
static void uapi_test_nonblock(struct kunit *test)
{
	struct file *file = pp_test_file(test, SZ_64K), *ends[2];
	struct pp_call call = { .arg.splice.len = 1, .nonblock = true };

	pp_test_pipe(test, 16, 0, ends);
	call.file = ends[1];
	call.arg.splice.fd_in = pp_test_fd(test, file);
	call.arg.splice.fd_out = pp_test_fd(test, ends[1]);
	KUNIT_EXPECT_EQ(test, pp_splice(&call), -EAGAIN);
	call.nonblock = false;
	KUNIT_EXPECT_EQ(test, pp_splice(&call), 1);
}

static struct kunit_case uapi_test_cases[] = {
	KUNIT_CASE_PARAM(uapi_test_first_version, command_gen_params),
	KUNIT_CASE_PARAM(uapi_test_smaller, command_gen_params),
	KUNIT_CASE_PARAM(uapi_test_larger, command_gen_params),
	KUNIT_CASE_PARAM(uapi_test_bad_address, command_gen_params),
	KUNIT_CASE_PARAM(uapi_test_known_where_it_belongs, command_gen_params),
	KUNIT_CASE(uapi_test_unknown_command),
	KUNIT_CASE_PARAM(uapi_test_arguments, bad_gen_params),
	KUNIT_CASE(uapi_test_create_returns_both_ends),
	KUNIT_CASE(uapi_test_query_tells_what_happened),
	KUNIT_CASE(uapi_test_nonblock),
	{}
};

static struct kunit_suite uapi_test_suite = {
	.name = "privpipe_uapi",
	.test_cases = uapi_test_cases,
};

kunit_test_suite(uapi_test_suite);
