// SPDX-License-Identifier: GPL-2.0
/*
 * Are the running kernel's functions those that this module was written for?
 *
 * A replacement that takes other arguments than its caller passes destroys memory.  With
 * CONFIG_MODVERSIONS the loader compares the types of exported functions; without it, and
 * for all others, the kernel's own description of its types (BTF) tells.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/btf.h>
#include <linux/cgroup.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/skbuff.h>
#include <linux/slab.h>

#include "harden.h"

#define PPH_BTF "/sys/kernel/btf/vmlinux"
#define PPH_BTF_MAX SZ_256M	/* Debian's kernels have 6 MiB */

/* The kernel's types.  Number 0 is void and not described. */
struct pph_types {
	const struct btf_type **type;	/* by number */
	u32 nr;
	const char *strings;
	u32 strings_len;
};

/* Typedefs and qualifiers are left out: they change nothing about a call. */
static const struct {
	const char *function;
	const char *type;
} pph_functions[] = {
	{ "filemap_splice_read",
	  "s64 (struct file *, s64 *, struct pipe_inode_info *, u64, u32)" },
	{ "shmem_file_splice_read",
	  "s64 (struct file *, s64 *, struct pipe_inode_info *, u64, u32)" },
	{ "__x64_sys_vmsplice", "s64 (struct pt_regs *)" },
	{ "__ia32_sys_vmsplice", "s64 (struct pt_regs *)" },
	{ "skb_splice_bits",
	  "s32 (struct sk_buff *, struct sock *, u32, struct pipe_inode_info *, u32, u32)" },
	{ "add_to_pipe", "s64 (struct pipe_inode_info *, struct pipe_buffer *)" },
	/* These are known where they are no modules. */
	{ "fuse_dev_splice_write",
	  "s64 (struct pipe_inode_info *, struct file *, s64 *, u64, u32)" },
	{ "nfsd_splice_actor",
	  "s32 (struct pipe_inode_info *, struct pipe_buffer *, struct splice_desc *)" },
};

#define PPH_STRUCT(name) { #name, sizeof(struct name) }

/* Those that the replacements look into. */
static const struct {
	const char *name;
	u32 size;
} pph_structs[] = {
	PPH_STRUCT(cgroup),
	PPH_STRUCT(css_set),
	PPH_STRUCT(file),
	PPH_STRUCT(kiocb),
	PPH_STRUCT(pipe_buffer),
	PPH_STRUCT(pipe_inode_info),
	PPH_STRUCT(sk_buff),
	PPH_STRUCT(splice_desc),
	PPH_STRUCT(task_struct),
};

/* What follows a struct btf_type: something, and something for each of its elements. */
static const struct {
	u8 once;
	u8 each;
} pph_extra[NR_BTF_KINDS] = {
	[BTF_KIND_INT] = { .once = sizeof(u32) },
	[BTF_KIND_ARRAY] = { .once = sizeof(struct btf_array) },
	[BTF_KIND_STRUCT] = { .each = sizeof(struct btf_member) },
	[BTF_KIND_UNION] = { .each = sizeof(struct btf_member) },
	[BTF_KIND_ENUM] = { .each = sizeof(struct btf_enum) },
	[BTF_KIND_FUNC_PROTO] = { .each = sizeof(struct btf_param) },
	[BTF_KIND_VAR] = { .once = sizeof(struct btf_var) },
	[BTF_KIND_DATASEC] = { .each = sizeof(struct btf_var_secinfo) },
	[BTF_KIND_DECL_TAG] = { .once = sizeof(struct btf_decl_tag) },
	[BTF_KIND_ENUM64] = { .each = sizeof(struct btf_enum64) },
};

/* Find where each type begins, or with a NULL in types->type only how many there are. */
static int pph_number_types(struct pph_types *types, const void *from, const void *end)
{
	types->nr = 1;
	while (from < end) {
		const struct btf_type *type = from;
		u32 kind;

		if (end - from < sizeof(*type))
			return -EINVAL;
		kind = BTF_INFO_KIND(type->info);
		/* Where the next type begins is unknown behind one of a kind to come. */
		if (kind == BTF_KIND_UNKN || kind >= NR_BTF_KINDS)
			return -EOPNOTSUPP;
		from += sizeof(*type) + pph_extra[kind].once +
			(size_t)pph_extra[kind].each * BTF_INFO_VLEN(type->info);
		if (from > end)
			return -EINVAL;
		if (types->type)
			types->type[types->nr] = type;
		types->nr++;
	}
	return 0;
}

static int pph_read_types(struct pph_types *types, const void *btf, size_t len)
{
	const struct btf_header *header = btf;
	const void *from;
	int ret;

	if (header->magic != BTF_MAGIC ||
	    header->version != BTF_VERSION || !header->str_len ||
	    (u64)header->hdr_len + header->type_off + header->type_len > len ||
	    (u64)header->hdr_len + header->str_off + header->str_len > len)
		return -EINVAL;
	from = btf + header->hdr_len;
	types->strings = from + header->str_off;
	types->strings_len = header->str_len;
	if (types->strings[types->strings_len - 1])
		return -EINVAL;
	from += header->type_off;

	ret = pph_number_types(types, from, from + header->type_len);
	if (ret)
		return ret;
	types->type = kvcalloc(types->nr, sizeof(*types->type), GFP_KERNEL);
	if (!types->type)
		return -ENOMEM;
	return pph_number_types(types, from, from + header->type_len);
}

static const struct btf_type *pph_type(const struct pph_types *types, u32 number)
{
	return number < types->nr ? types->type[number] : NULL;
}

static const char *pph_name(const struct pph_types *types, const struct btf_type *type)
{
	return type->name_off < types->strings_len ? types->strings + type->name_off : "";
}

/* In the words of pph_functions; returns how long the text is. */
static int pph_describe(const struct pph_types *types, u32 number, char *text, int size)
{
	const struct btf_type *type = pph_type(types, number);
	u32 encoding;

	if (!type)
		return scnprintf(text, size, "void");
	switch (BTF_INFO_KIND(type->info)) {
	case BTF_KIND_INT:
		encoding = BTF_INT_ENCODING(*(const u32 *)(type + 1));
		return scnprintf(text, size, "%c%u", encoding & BTF_INT_SIGNED ? 's' : 'u',
				 type->size * BITS_PER_BYTE);
	case BTF_KIND_STRUCT:
	case BTF_KIND_FWD:
		return scnprintf(text, size, "struct %s", pph_name(types, type));
	default:
		return scnprintf(text, size, "%s", pph_name(types, type));
	}
}

/* The same of an argument, or of what a function returns. */
static int pph_describe_value(const struct pph_types *types, u32 number, char *text,
			      int size)
{
	unsigned int i, pointers = 0;
	int len;

	/* No type is that long. */
	for (i = 0; i < 32; i++) {
		const struct btf_type *type = pph_type(types, number);
		u32 kind = type ? BTF_INFO_KIND(type->info) : BTF_KIND_UNKN;

		if (kind == BTF_KIND_PTR)
			pointers++;
		else if (kind != BTF_KIND_TYPEDEF && kind != BTF_KIND_CONST &&
			 kind != BTF_KIND_VOLATILE && kind != BTF_KIND_RESTRICT &&
			 kind != BTF_KIND_TYPE_TAG)
			break;
		number = type->type;
	}
	len = pph_describe(types, number, text, size);
	for (i = 0; i < pointers; i++)
		len += scnprintf(text + len, size - len, i ? "*" : " *");
	return len;
}

static void pph_describe_function(const struct pph_types *types, u32 number, char *text,
				  int size)
{
	const struct btf_type *type = pph_type(types, number);
	const struct btf_param *param;
	unsigned int i;
	int len;

	if (!type || BTF_INFO_KIND(type->info) != BTF_KIND_FUNC_PROTO) {
		scnprintf(text, size, "no function");
		return;
	}
	param = (const void *)(type + 1);
	len = pph_describe_value(types, type->type, text, size);
	len += scnprintf(text + len, size - len, " (");
	for (i = 0; i < BTF_INFO_VLEN(type->info); i++) {
		len += scnprintf(text + len, size - len, i ? ", " : "");
		len += pph_describe_value(types, param[i].type, text + len, size - len);
	}
	scnprintf(text + len, size - len, ")");
}

static int pph_check_function(const struct pph_types *types, const struct btf_type *type)
{
	const char *name = pph_name(types, type);
	char text[160];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pph_functions); i++) {
		if (strcmp(pph_functions[i].function, name))
			continue;
		pph_describe_function(types, type->type, text, sizeof(text));
		if (!strcmp(pph_functions[i].type, text))
			return 0;
		pr_err("%s is %s in this kernel, but this module is made for %s\n", name,
		       text, pph_functions[i].type);
		return -ENOEXEC;
	}
	return 0;
}

static int pph_check_struct(const struct pph_types *types, const struct btf_type *type)
{
	const char *name = pph_name(types, type);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pph_structs); i++) {
		if (strcmp(pph_structs[i].name, name) || pph_structs[i].size == type->size)
			continue;
		pr_err("struct %s has %u bytes in this kernel, but this module is made for %u\n",
		       name, type->size, pph_structs[i].size);
		return -ENOEXEC;
	}
	return 0;
}

/* Not kernel_read_file(): a security module warns of a purpose that it does not know. */
static void *pph_read_btf(size_t *len)
{
	struct file *file = filp_open(PPH_BTF, O_RDONLY, 0);
	loff_t pos = 0;
	ssize_t ret;
	void *btf;

	if (IS_ERR(file))
		return file;
	*len = i_size_read(file_inode(file));
	if (*len < sizeof(struct btf_header) || *len > PPH_BTF_MAX) {
		fput(file);
		return ERR_PTR(-EINVAL);
	}
	btf = kvmalloc(*len, GFP_KERNEL);
	ret = btf ? 0 : -ENOMEM;
	while (!ret && pos < *len) {
		ret = kernel_read(file, btf + pos, *len - pos, &pos);
		ret = ret > 0 ? 0 : ret ?: -EIO;
	}
	fput(file);
	if (!ret)
		return btf;
	kvfree(btf);
	return ERR_PTR(ret);
}

static int pph_compare_types(const struct pph_types *types)
{
	int ret = 0;
	u32 i;

	for (i = 1; i < types->nr; i++) {
		const struct btf_type *type = types->type[i];
		u32 kind = BTF_INFO_KIND(type->info);

		/* Each that differs is worth a line. */
		if (kind == BTF_KIND_FUNC)
			ret = pph_check_function(types, type) ?: ret;
		else if (kind == BTF_KIND_STRUCT)
			ret = pph_check_struct(types, type) ?: ret;
	}
	return ret;
}

/**
 * pph_check_types() - Compare the kernel's types with those this module was built for.
 *
 * A kernel that does not describe its types, or does so in an unknown way, is trusted:
 * the loader has seen that its release is the right one.
 *
 * Return: 0, or -ENOEXEC when a type differs, which has been logged.
 */
int pph_check_types(void)
{
	struct pph_types types = {};
	size_t len;
	void *btf = pph_read_btf(&len);
	int ret = PTR_ERR_OR_ZERO(btf);

	if (!ret)
		ret = pph_read_types(&types, btf, len);
	if (ret)
		pr_warn("types can't be compared with those in " PPH_BTF ": error %d\n",
			ret);
	else
		ret = pph_compare_types(&types);
	kvfree(types.type);
	if (!IS_ERR(btf))
		kvfree(btf);
	return ret == -ENOEXEC ? ret : 0;
}
