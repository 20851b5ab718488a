// SPDX-License-Identifier: GPL-2.0
/*
 * Benchmarks of pipes from inside the kernel.
 *
 * Write a case to privpipe_lab in debugfs, such as
 *	path=read file=/mnt/source chunk=65536 ring=65536 bytes=8388608 rounds=31
 * and read the results back: one JSON object per line and arm.
 */
#include <linux/debugfs.h>
#include <linux/init.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "lab.h"

static DEFINE_MUTEX(lab_mutex);		/* one case at a time */
static struct lab lab;
static struct lab_result lab_results[LAB_MAX_ARMS];

static int lab_show(struct seq_file *m, void *v)
{
	const struct lab_arm *arm;
	unsigned int i, round;

	guard(mutex)(&lab_mutex);
	if (!lab.path)
		return 0;
	for (i = 0, arm = lab.path->arms; arm->name; i++, arm++) {
		if (!lab_wants(&lab, arm))
			continue;
		seq_printf(m, "{\"path\":\"%s\",\"arm\":\"%s\",\"file\":\"%s\",",
			   lab.path->name, arm->name, lab.file);
		seq_printf(m, "\"target\":\"%s\",\"cache\":\"%s\",\"chunk\":%u,",
			   lab.target, lab.cold ? "cold" : "hot", lab.chunk);
		seq_printf(m, "\"ring\":%u,\"pipes\":%u,\"size\":%lld,\"bytes\":%llu,",
			   lab.ring, lab.pipes, lab.size, lab.bytes);
		seq_printf(m, "\"taken\":%llu,\"copied\":%llu,\"read\":%llu,",
			   lab_results[i].counts.taken,
			   lab_results[i].counts.copied, lab_results[i].read);
		seq_printf(m, "\"held\":%llu,\"ns\":[", lab_results[i].counts.held);
		for (round = 0; round < lab.rounds; round++)
			seq_printf(m, "%s%llu", round ? "," : "",
				   lab_results[i].ns[round]);
		seq_puts(m, "]}\n");
	}
	return 0;
}

static int lab_parse_word(struct lab *lab, char *word)
{
	char *value = strchr(word, '=');
	const struct lab_path *path;

	if (!value)
		return -EINVAL;
	*value++ = '\0';
	if (!strcmp(word, "path")) {
		for (path = lab_paths; path->name; path++)
			if (!strcmp(path->name, value))
				lab->path = path;
		return lab->path ? 0 : -EINVAL;
	}
	if (!strcmp(word, "file"))
		return min(0L, strscpy(lab->file, value));
	if (!strcmp(word, "target"))
		return min(0L, strscpy(lab->target, value));
	if (!strcmp(word, "only"))
		return min(0L, strscpy(lab->only, value));
	if (!strcmp(word, "cold"))
		return kstrtobool(value, &lab->cold);
	if (!strcmp(word, "chunk"))
		return kstrtou32(value, 0, &lab->chunk);
	if (!strcmp(word, "ring"))
		return kstrtou32(value, 0, &lab->ring);
	if (!strcmp(word, "pipes"))
		return kstrtou32(value, 0, &lab->pipes);
	if (!strcmp(word, "bytes"))
		return kstrtou64(value, 0, &lab->bytes);
	if (!strcmp(word, "rounds"))
		return kstrtou32(value, 0, &lab->rounds);
	return -EINVAL;
}

static int lab_parse(struct lab *lab, char *words)
{
	char *word;
	int ret;

	/* checkpatch: QUOTED_WHITESPACE_BEFORE_NEWLINE: what ends a word, not a message */
	while ((word = strsep(&words, " \n"))) {
		ret = *word ? lab_parse_word(lab, word) : 0;
		if (ret)
			return ret;
	}
	if (!lab->path || !lab->chunk || !lab->pipes ||
	    lab->rounds > LAB_MAX_ROUNDS)
		return -EINVAL;
	return 0;
}

static ssize_t lab_start(struct file *file, const char __user *ubuf, size_t len,
			 loff_t *pos)
{
	char *words = memdup_user_nul(ubuf, len);
	int ret;

	if (IS_ERR(words))
		return PTR_ERR(words);

	guard(mutex)(&lab_mutex);
	lab = (struct lab){ .pipes = 1 };
	memset(lab_results, 0, sizeof(lab_results));
	ret = lab_parse(&lab, words);
	if (!ret) {
		ret = lab_open(&lab);
		if (!ret)
			ret = lab_run(&lab, lab_results);
		lab_close(&lab);
	}
	if (ret)
		lab.path = NULL;
	kfree(words);
	return ret ?: len;
}

static int lab_open_results(struct inode *inode, struct file *file)
{
	return single_open(file, lab_show, NULL);
}

static const struct file_operations lab_fops = {
	.open		= lab_open_results,
	.read		= seq_read,
	.write		= lab_start,
	.llseek		= seq_lseek,
	.release	= single_release,
};

static int __init lab_init(void)
{
	debugfs_create_file("privpipe_lab", 0600, NULL, NULL, &lab_fops);
	pr_info("lab: memcpy() %s\n", lab_patch_memcpy() ?
		"by rep movsb, as on x86" : "as User-Mode Linux has it");
	pr_info("lab: pages cleared %s\n", lab_patch_clear_page() ?
		"by rep stosb, as on x86" : "as User-Mode Linux has it");
	return 0;
}
late_initcall(lab_init);
