// SPDX-License-Identifier: GPL-2.0
/*
 * Writes over the kernel's instructions.
 *
 * On x86 the kernel patches itself at boot for the CPU it runs on; User-Mode
 * Linux leaves that out, and then memcpy() moves 8 bytes at a time.  On a CPU
 * with fast short "rep movsb" it is three times slower than in any other kernel,
 * and copying would look dearer than it is.  It also clears pages by memset(),
 * which is slower than clear_page() has it, and who allocates would look dear.
 * Patch as x86 would.
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/stop_machine.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include <asm/cpufeature.h>
#include <kern_util.h>
#include <os.h>

#include "ipi.h"
#include "lab.h"

#define LAB_JMP		0xeb	/* with a distance of one byte */
#define LAB_JMP_SIZE	2
#define LAB_FAR_JMP	0xe9	/* with a distance of four */
#define LAB_NOP		0x90
#define LAB_RET		0xc3

/* memset(), and for a page the clear_page() of x86 */
void *lab_memset(void *s, int c, size_t n);
static void *lab_memset_orig __used;

asm(".pushsection .text\n"
	"lab_memset:\n"
	"	cmpq	$4096, %rdx\n"
	"	jne	1f\n"
	"	movq	%rdi, %r9\n"
	"	movb	%sil, %al\n"
	"	movl	%edx, %ecx\n"
	"	rep stosb\n"
	"	movq	%r9, %rax\n"
	"	ret\n"
	"1:	jmp	*lab_memset_orig(%rip)\n"
	".popsection\n");

/**
 * lab_patch() - Write over instructions.
 * @at: the first of them
 * @code: what to write
 * @len: how many bytes
 *
 * Return: 0 or an error.
 */
int lab_patch(void *at, const u8 *code, size_t len)
{
	void *page = (void *)round_down((unsigned long)at, PAGE_SIZE);
	u8 *byte = at;
	int ret = os_protect_memory(page, 2 * PAGE_SIZE, 1, 1, 1);

	if (ret)
		return ret;
	while (len--)	/* not by memcpy(), which may be what is patched */
		WRITE_ONCE(*byte++, *code++);
	return os_protect_memory(page, 2 * PAGE_SIZE, 1, 0, 1);
}

/**
 * lab_patch_jump() - Let a function begin with a jump to another one.
 * @from: the function
 * @to: the other one
 *
 * Return: 0 or an error.
 */
int lab_patch_jump(void *from, const void *to)
{
	u8 code[LAB_JUMP_SIZE] = { LAB_FAR_JMP };

	put_unaligned((u32)(to - from - LAB_JUMP_SIZE), (u32 *)(code + 1));
	return lab_patch(from, code, sizeof(code));
}

/**
 * lab_patch_memcpy() - Apply the alternative of memcpy() for this CPU.
 *
 * Return: whether there was one to apply.
 */
bool lab_patch_memcpy(void)
{
	static const u8 nops[LAB_JMP_SIZE] = { LAB_NOP, LAB_NOP };
	u8 *jmp = (u8 *)__memcpy;

	/* Behind the jump to memcpy_orig is the copy by "rep movsb". */
	if (!boot_cpu_has(X86_FEATURE_FSRM) || *jmp != LAB_JMP)
		return false;
	return !lab_patch(jmp, nops, sizeof(nops));
}

/**
 * lab_patch_clear_page() - Clear pages as x86 does on this CPU.
 *
 * Return: whether that differs from User-Mode Linux.
 */
bool lab_patch_clear_page(void)
{
	u8 *jmp = (u8 *)__memset;

	if (!boot_cpu_has(X86_FEATURE_ERMS) || *jmp != LAB_JMP)
		return false;
	/* The code behind the jump to memset_orig is for other CPUs. */
	lab_memset_orig = jmp + LAB_JMP_SIZE + (s8)jmp[1];
	return !lab_patch_jump(jmp, lab_memset);
}

#ifdef CONFIG_SMP
/* In place of uml_need_resched(), which a CPU asks before it sleeps. */
static int lab_need_resched(void)
{
	return lab_ipi_block() || need_resched();
}

/* The other CPUs wait, with interrupts disabled. */
static int lab_patch_stopped(void *unused)
{
	static const u8 ret = LAB_RET;

	lab_ipi_install();
	return lab_patch(os_local_ipi_disable, &ret, sizeof(ret)) ?:
	       lab_patch_jump(uml_need_resched, lab_need_resched) ?:
	       lab_patch_jump(os_local_ipi_enable, lab_ipi_enable);
}

/**
 * lab_patch_ipi() - Disable and enable interrupts without asking the host.
 *
 * Return: whether that differs from User-Mode Linux.
 */
bool lab_patch_ipi(void)
{
	return !stop_machine(lab_patch_stopped, NULL, NULL);
}
#else
bool lab_patch_ipi(void)
{
	return false;
}
#endif
