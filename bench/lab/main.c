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
static struct lab labs[LAB_MAX_PAIRS];
static struct lab_result lab_results[LAB_MAX_ARMS];

static void lab_show_arm(struct seq_file *m, const struct lab *lab,
			 const struct lab_arm *arm,
			 const struct lab_result *result, enum lab_time time)
{
	static const char * const names[] = {
		[LAB_CPU] = "cpu", [LAB_READER] = "reader", [LAB_WALL] = "wall",
	};
	unsigned int round;

	seq_printf(m, "{\"path\":\"%s\",\"arm\":\"%s\",\"file\":\"%s\",",
		   lab->path->name, arm->name, lab->file);
	seq_printf(m, "\"target\":\"%s\",\"cache\":\"%s\",\"chunk\":%u,",
		   lab->target, lab->cold ? "cold" : "hot", lab->chunk);
	seq_printf(m, "\"ring\":%u,\"pipes\":%u,\"size\":%lld,\"bytes\":%llu,",
		   lab->ring, lab->pipes, lab->size, lab->bytes);
	if (lab->order != LAB_ANY_ORDER)
		seq_printf(m, "\"folios\":%lu,", PAGE_SIZE << lab->order);
	seq_printf(m, "\"writers\":%u,\"readers\":%u,\"apart\":%d,",
		   lab->writers, lab->readers, lab->apart);
	seq_printf(m, "\"shared\":%d,\"time\":\"%s\",", lab->shared, names[time]);
	seq_printf(m, "\"taken\":%llu,\"copied\":%llu,\"read\":%llu,",
		   result->counts.taken, result->counts.copied, result->read);
	seq_printf(m, "\"held\":%llu,\"pinned\":%llu,\"largest\":%llu,",
		   result->counts.held, result->pinned, result->largest);
	seq_puts(m, "\"ns\":[");
	for (round = 0; round < lab->rounds; round++)
		seq_printf(m, "%s%llu", round ? "," : "",
			   result->ns[time][round]);
	seq_puts(m, "]}\n");
}

static int lab_show(struct seq_file *m, void *v)
{
	const struct lab_arm *arm;
	enum lab_time time;
	unsigned int i;

	guard(mutex)(&lab_mutex);
	if (!labs->path)
		return 0;
	for (i = 0, arm = labs->path->arms; arm->name; i++, arm++) {
		if (!lab_wants(labs, arm))
			continue;
		for (time = 0; time < LAB_TIMES; time++)
			if (lab_results[i].ns[time][0])
				lab_show_arm(m, labs, arm, &lab_results[i], time);
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
	if (!strcmp(word, "apart"))
		return kstrtobool(value, &lab->apart);
	if (!strcmp(word, "shared"))
		return kstrtobool(value, &lab->shared);
	if (!strcmp(word, "order"))
		return kstrtou32(value, 0, &lab->order);
	if (!strcmp(word, "pairs"))
		return kstrtou32(value, 0, &lab->pairs);
	if (!strcmp(word, "writers"))
		return kstrtou32(value, 0, &lab->writers);
	if (!strcmp(word, "readers"))
		return kstrtou32(value, 0, &lab->readers);
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
	lab->writers = lab->writers ?: lab->pairs;
	lab->readers = lab->readers ?: lab->pairs;
	lab->pairs = max(lab->writers, lab->readers);
	if (!lab->writers || !lab->readers || lab->pairs > LAB_MAX_PAIRS ||
	    (!lab->shared && lab->pairs * (1 + lab->apart) > num_online_cpus()))
		return -EINVAL;
	/* A shared pipe can have fewer readers than writers, or more; each reads the same. */
	if (lab->writers != lab->readers &&
	    (!lab->shared || lab->bytes * lab->writers % lab->readers))
		return -EINVAL;
	/* A task that writes before it reads could wait for others that do the same. */
	if (lab->shared && (!lab->apart || lab->path->sink))
		return -EINVAL;
	/*
	 * One task alone knows when it may write the next bytes to send, or tee, when
	 * a slow reader is to read, and when a pipe is full.
	 */
	if (lab->apart && (lab->path->prepare || lab->bytes % lab->chunk ||
			   lab->path->flags & (LAB_SLOW | LAB_FULL)))
		return -EINVAL;
	return 0;
}

static ssize_t lab_start(struct file *file, const char __user *ubuf, size_t len,
			 loff_t *pos)
{
	char *words = memdup_user_nul(ubuf, len);
	struct lab *lab;
	int ret;

	if (IS_ERR(words))
		return PTR_ERR(words);

	guard(mutex)(&lab_mutex);
	*labs = (struct lab){
		.pipes = 1, .pairs = 1, .order = LAB_ANY_ORDER,
	};
	memset(lab_results, 0, sizeof(lab_results));
	ret = lab_parse(labs, words);
	if (!ret) {
		for (lab = labs + 1; lab < labs + labs->pairs; lab++)
			*lab = *labs;
		for (lab = labs; lab < labs + labs->pairs && !ret; lab++)
			ret = lab_open(lab);
		if (!ret)
			ret = lab_run(labs, lab_results);
		while (lab > labs)
			lab_close(--lab);
	}
	if (ret)
		labs->path = NULL;
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
	pr_info("lab: interrupts disabled %s\n", lab_patch_ipi() ?
		"without the host" : "as User-Mode Linux has it");
	return 0;
}
late_initcall(lab_init);
