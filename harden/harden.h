/* SPDX-License-Identifier: GPL-2.0 */
#ifndef PRIVPIPE_HARDEN_H
#define PRIVPIPE_HARDEN_H

#include <linux/fs.h>
#include <linux/ftrace.h>
#include <linux/jump_label.h>
#include <linux/livepatch.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/pipe_fs_i.h>
#include <linux/splice.h>
#include <linux/static_call.h>
#include <linux/sysfs.h>

struct iovec;
struct klp_object;
struct sk_buff;
struct sock;

/* How bytes get into a pipe. */
enum pph_path {
	PPH_FILE,	/* through the page cache */
	PPH_SHMEM,	/* tmpfs, memfd, shared memory */
	PPH_MEMORY,	/* vmsplice */
	PPH_SOCKET,
	PPH_FUSE,	/* requests on their way to a file system's daemon */
	PPH_NR_PATHS
};

/* A function of the kernel that puts pages of others into pipes. */
struct pph_point {
	const char *name;
	void *stock;		/* the function, if it is exported */
	void *copy;		/* its replacement */
	enum pph_path path;
};

#define PPH_NR_POINTS 6
extern const struct pph_point pph_points[PPH_NR_POINTS];

/* file.c */
ssize_t pph_filemap_splice_read(struct file *in, loff_t *ppos,
				struct pipe_inode_info *pipe, size_t len,
				unsigned int flags);
ssize_t pph_shmem_splice_read(struct file *in, loff_t *ppos,
			      struct pipe_inode_info *pipe, size_t len,
			      unsigned int flags);

/* page.c */

/**
 * struct pph_supply - the pages that one call can use
 * @gfp: how to allocate
 * @folio: the folio that the next pages come from, or NULL
 * @used: how many of its pages were given out
 */
struct pph_supply {
	gfp_t gfp;
	struct folio *folio;
	unsigned int used;
};

struct page *pph_page_get(struct pph_supply *supply, size_t left);
void pph_supply_end(struct pph_supply *supply);

/* vmsplice.c, and its entries in main.c */
long pph_x64_sys_vmsplice(const struct pt_regs *regs);
long pph_ia32_sys_vmsplice(const struct pt_regs *regs);
long pph_vmsplice(int fd, const struct iovec __user *uiov,
		  unsigned int nr_segs, unsigned int flags);

/* buffer.c */
int pph_skb_splice_bits(struct sk_buff *skb, struct sock *sk,
			unsigned int offset, struct pipe_inode_info *pipe,
			unsigned int len, unsigned int flags);
ssize_t pph_add_to_pipe(struct pipe_inode_info *pipe, struct pipe_buffer *buf);
bool pph_page_is_private(struct page *page);

/* fuse.c */
int pph_fuse_start(struct klp_object *obj);
void pph_fuse_stop(struct klp_object *obj);

/* nfsd.c */
int pph_nfsd_start(struct klp_object *obj);
void pph_nfsd_stop(struct klp_object *obj);

/* audit.c */
int pph_audit_start(void);
void pph_audit_stop(void);

/* except.c */
DECLARE_STATIC_KEY_FALSE(pph_any_exception);
extern struct mutex pph_exceptions_lock;
bool pph_caller_is_excepted(void);
void pph_exceptions_drop(void);
extern const struct attribute_group pph_exceptions_group;

/* The stock functions, for callers that pph_excepted() is true of. */
DECLARE_STATIC_CALL(pph_stock_file, pph_filemap_splice_read);
DECLARE_STATIC_CALL(pph_stock_shmem, pph_shmem_splice_read);
DECLARE_STATIC_CALL(pph_stock_vmsplice64, pph_x64_sys_vmsplice);
DECLARE_STATIC_CALL(pph_stock_vmsplice32, pph_ia32_sys_vmsplice);
DECLARE_STATIC_CALL(pph_stock_socket, pph_skb_splice_bits);
DECLARE_STATIC_CALL(pph_stock_add, pph_add_to_pipe);

/**
 * pph_excepted() - Whether the current task shall have the stock behaviour.
 *
 * Return: true if it is in a cgroup that is an exception.  Without livepatches, as in
 * bench/lab, there are no exceptions.
 */
static inline bool pph_excepted(void)
{
	return IS_ENABLED(CONFIG_LIVEPATCH) &&
	       static_branch_unlikely(&pph_any_exception) && pph_caller_is_excepted();
}

/* types.c */
int pph_check_types(void);

/* main.c */
#ifdef CONFIG_LIVEPATCH
extern struct klp_func pph_funcs[];
#endif
int pph_check_tracing(void);
int pph_set_filter(struct ftrace_ops *ops, const struct pph_point *point);
int pph_hook(struct ftrace_ops *ops, const char *name);
void pph_unhook(struct ftrace_ops *ops);

/* stats.c */
struct pph_stats {
	u64 calls[PPH_NR_PATHS];
	u64 bytes[PPH_NR_PATHS];
};

DECLARE_PER_CPU(struct pph_stats, pph_stats);
extern const char *const pph_path_names[PPH_NR_PATHS];
extern const struct attribute_group pph_stats_group;

/**
 * pph_count() - Count a call that copied, or in audit mode would have copied.
 * @path: the path of the bytes
 * @ret: the return value of the call: bytes, or an error
 */
static inline void pph_count(enum pph_path path, ssize_t ret)
{
	this_cpu_inc(pph_stats.calls[path]);
	if (ret > 0)
		this_cpu_add(pph_stats.bytes[path], ret);
}

#endif /* PRIVPIPE_HARDEN_H */
