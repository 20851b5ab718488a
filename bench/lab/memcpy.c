// SPDX-License-Identifier: GPL-2.0
/*
 * On x86 the kernel patches itself at boot for the CPU it runs on; User-Mode
 * Linux leaves that out, and then memcpy() moves 8 bytes at a time.  On a CPU
 * with fast short "rep movsb" it is three times slower than in any other kernel,
 * and copying would look dearer than it is.  Patch as x86 would.
 */
#include <linux/mm.h>
#include <linux/string.h>

#include <asm/cpufeature.h>
#include <os.h>

#include "lab.h"

#define LAB_JMP		0xeb	/* with a distance of one byte */
#define LAB_NOP		0x90
#define LAB_JMP_SIZE	2

/**
 * lab_patch_memcpy() - Apply the alternative of memcpy() for this CPU.
 *
 * Return: whether there was one to apply.
 */
bool lab_patch_memcpy(void)
{
	u8 *jmp = (u8 *)__memcpy;
	void *page = (void *)round_down((unsigned long)jmp, PAGE_SIZE);

	/* What follows the jump to memcpy_orig is the copy by "rep movsb". */
	if (!boot_cpu_has(X86_FEATURE_FSRM) || *jmp != LAB_JMP)
		return false;
	if (os_protect_memory(page, 2 * PAGE_SIZE, 1, 1, 1))
		return false;
	memset(jmp, LAB_NOP, LAB_JMP_SIZE);
	os_protect_memory(page, 2 * PAGE_SIZE, 1, 0, 1);
	return true;
}
