// SPDX-License-Identifier: GPL-2.0
/*
 * Puts the functions of privpipe_harden.ko in place of the kernel's.  User-Mode Linux
 * has no livepatches, so the lab writes a jump to the beginning of each function.
 */
#include <linux/kallsyms.h>
#include <linux/string.h>

#include "../../harden/harden.h"
#include "lab.h"

static struct lab_point {
	const char *name;
	void *copy;
	u8 stock[LAB_JUMP_SIZE];	/* the first bytes of the function */
} lab_points[] = {
	{ "filemap_splice_read", pph_filemap_splice_read },
	{ "shmem_file_splice_read", pph_shmem_splice_read },
	{ "sys_vmsplice", pph_vmsplice },
	{ "skb_splice_bits", pph_skb_splice_bits },
	{ "add_to_pipe", pph_add_to_pipe },
};

static bool lab_hardened;

/* Let a function begin with a jump to another one, or as it did before. */
static int lab_redirect(struct lab_point *point, bool on)
{
	void *from = (void *)kallsyms_lookup_name(point->name);

	if (!from)
		return -ENOENT;
	if (!on)
		return lab_patch(from, point->stock, sizeof(point->stock));
	memcpy(point->stock, from, sizeof(point->stock));
	return lab_patch_jump(from, point->copy);
}

/**
 * lab_harden() - Harden the kernel's own pipes, or no longer.
 * @on: which
 *
 * Return: 0 or an error.
 */
int lab_harden(bool on)
{
	unsigned int i;
	int ret = 0;

	if (on == lab_hardened)
		return 0;
	lab_hardened = on;
	for (i = 0; i < ARRAY_SIZE(lab_points) && !ret; i++)
		ret = lab_redirect(&lab_points[i], on);
	return ret;
}
