// SPDX-License-Identifier: GPL-2.0
/*
 * Puts the functions of privpipe_harden.ko in place of the kernel's.  User-Mode Linux
 * has no livepatches, so the lab writes a jump to the beginning of each function.
 */
#include <linux/kallsyms.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include <os.h>

#include "../../harden/harden.h"
#include "lab.h"

#define LAB_JMP		0xe9	/* with a distance of four bytes */
#define LAB_JMP_SIZE	5

static struct lab_point {
	const char *name;
	void *copy;
	u8 stock[LAB_JMP_SIZE];	/* the first bytes of the function */
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
	u8 *from = (void *)kallsyms_lookup_name(point->name);
	void *page = (void *)round_down((unsigned long)from, PAGE_SIZE);
	int ret;

	if (!from)
		return -ENOENT;
	ret = os_protect_memory(page, 2 * PAGE_SIZE, 1, 1, 1);
	if (ret)
		return ret;
	if (on) {
		memcpy(point->stock, from, LAB_JMP_SIZE);
		*from = LAB_JMP;
		put_unaligned((u32)(point->copy - (void *)from - LAB_JMP_SIZE),
			      (u32 *)(from + 1));
	} else {
		memcpy(from, point->stock, LAB_JMP_SIZE);
	}
	return os_protect_memory(page, 2 * PAGE_SIZE, 1, 0, 1);
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
