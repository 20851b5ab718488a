// SPDX-License-Identifier: GPL-2.0
/*
 * Arenas: user memory whose pages can be given away.
 *
 * A module can't safely take an anonymous page from a process, but it can take
 * back a page that it mapped itself: unmap_mapping_range() removes it from every
 * process at once, and if nobody has pinned the page, nobody else uses it then.
 */
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include <asm/mmu_context.h>

#include "arena.h"
#include "fs.h"
#include "limits.h"
#include "ring.h"
#include "stats.h"

/* The pages of one folio, where an arena has room for all of them. */
#define PP_BLOCK_PAGES	((unsigned long)SZ_64K >> PAGE_SHIFT)

/**
 * struct pp_arena - memory to map and to give away
 * @lock: held while a page is put in place and while one is taken back, so that
 *	nobody can map a page that is being taken.  Taken inside mmap_lock and
 *	inside a ring's lock.
 * @folios: the single pages that exist, by their index
 * @blocks: the blocks that exist, by their index; there are no single pages then
 * @pages: how long it is
 * @user: the user whose limit @pages counts against
 */
struct pp_arena {
	struct mutex lock;	/* see above */
	struct xarray folios;
	struct xarray blocks;
	unsigned long pages;
	struct user_struct *user;
};

/* Add a folio of @pages zeroed pages. */
static struct folio *pp_arena_add(struct xarray *folios, unsigned long index,
				  unsigned int pages)
{
	struct folio *folio = pp_folio_alloc(pages);

	if (!folio)
		return NULL;
	if (folio_nr_pages(folio) != pages ||
	    xa_err(xa_store(folios, index, folio, GFP_KERNEL_ACCOUNT))) {
		pp_folio_free(folio);
		return NULL;
	}
	folio_zero_range(folio, 0, folio_size(folio));
	return folio;
}

/* Find the folio of a page, or make it; the arena is locked. */
static struct folio *pp_arena_folio(struct pp_arena *arena, pgoff_t index)
{
	unsigned long block = index / PP_BLOCK_PAGES;
	unsigned long first = block * PP_BLOCK_PAGES;
	unsigned long last = first + PP_BLOCK_PAGES - 1;
	struct folio *folio;

	folio = xa_load(&arena->blocks, block) ?: xa_load(&arena->folios, index);
	if (!folio && last < arena->pages &&
	    !xa_find(&arena->folios, &first, last, XA_PRESENT))
		folio = pp_arena_add(&arena->blocks, block, PP_BLOCK_PAGES);
	return folio ?: pp_arena_add(&arena->folios, index, 1);
}

/*
 * Map the pages of a block from the address of a fault on.  False means that something
 * is in the place of the first page already: a page that another thread has mapped, or
 * a marker of userfaultfd.  The core knows what to do then; this function doesn't.
 */
static bool pp_arena_map(struct vm_fault *vmf, struct folio *folio)
{
	unsigned long first = vmf->pgoff % PP_BLOCK_PAGES;
	unsigned long i, nr = min(PP_BLOCK_PAGES - first,
				  (vmf->vma->vm_end - vmf->address) >> PAGE_SHIFT);
	unsigned long left = nr;
	struct page *pages[PP_BLOCK_PAGES];

	for (i = 0; i < nr; i++)
		pages[i] = folio_page(folio, first + i);
	vm_insert_pages(vmf->vma, vmf->address, pages, &left);
	return left < nr;
}

static vm_fault_t pp_arena_fault(struct vm_fault *vmf)
{
	struct pp_arena *arena = file_inode(vmf->vma->vm_file)->i_private;
	vm_fault_t ret = VM_FAULT_OOM;
	struct folio *folio;

	if (vmf->pgoff >= arena->pages)
		return VM_FAULT_SIGBUS;

	mutex_lock(&arena->lock);
	folio = pp_arena_folio(arena, vmf->pgoff);
	if (folio)
		pp_folio_mix(folio);
	if (folio && folio_test_large(folio) && pp_arena_map(vmf, folio)) {
		ret = VM_FAULT_NOPAGE;
	} else if (folio) {
		/* Until the core has mapped the page, this reference prevents a take. */
		folio_get(folio);
		vmf->page = folio_page(folio, vmf->pgoff % folio_nr_pages(folio));
		ret = 0;
	}
	mutex_unlock(&arena->lock);
	return ret;
}

static const struct vm_operations_struct pp_arena_vm_ops = {
	.fault	= pp_arena_fault,
};

static int pp_arena_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct pp_arena *arena = file_inode(file)->i_private;

	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (vma->vm_pgoff > arena->pages ||
	    vma_pages(vma) > arena->pages - vma->vm_pgoff)
		return -ENXIO;
	/* The pages have no address_space: no copy at fork, no growing. */
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTCOPY | VM_MIXEDMAP);
	vma->vm_ops = &pp_arena_vm_ops;
	return 0;
}

/* Free an arena that is no longer mapped. */
static void pp_arena_destroy(void *private)
{
	struct pp_arena *arena = private;
	struct folio *folio;
	unsigned long index;

	xa_for_each(&arena->folios, index, folio)
		pp_folio_free(folio);
	xa_for_each(&arena->blocks, index, folio)
		pp_folio_free(folio);
	xa_destroy(&arena->folios);
	xa_destroy(&arena->blocks);
	pp_uncharge(arena->user, arena->pages);
	free_uid(arena->user);
	kfree(arena);
}

static const struct pp_kind pp_arena_kind = {
	.name = "privpipe-arena",
	.mode = S_IFREG,
	.fops = {
		.mmap = pp_arena_mmap,
	},
	.destroy = pp_arena_destroy,
};

/**
 * pp_arena_create() - Make an arena.
 * @length: in bytes
 *
 * Return: a file to map it with, or an ERR_PTR() as struct privpipe_arena says.
 */
struct file *pp_arena_create(u64 length)
{
	struct user_struct *user = current_user();
	struct pp_arena *arena;
	int ret;

	if (!length || length > 1U << 31)
		return ERR_PTR(-EINVAL);

	arena = kzalloc(sizeof(*arena), GFP_KERNEL_ACCOUNT);
	if (!arena)
		return ERR_PTR(-ENOMEM);
	mutex_init(&arena->lock);
	xa_init(&arena->folios);
	xa_init(&arena->blocks);
	arena->pages = DIV_ROUND_UP(length, PAGE_SIZE);
	ret = pp_charge(user, arena->pages);
	if (ret) {
		kfree(arena);
		return ERR_PTR(ret);
	}
	arena->user = get_uid(user);
	return pp_file_create(&pp_arena_kind, O_RDWR, arena);
}

/*
 * Whether nobody uses a folio that is mapped nowhere.  A fault that has just mapped a page
 * still has it locked, but has no reference any more.
 */
static bool pp_arena_unused(struct folio *folio)
{
	bool unused;

	if (!folio_trylock(folio))
		return false;
	unused = folio_ref_count(folio) == 1;
	folio_unlock(folio);
	return unused;
}

/*
 * Replace a block by single pages, before a part of it is given away.  The arena is
 * locked.
 */
static int pp_arena_split(struct pp_arena *arena, struct address_space *mapping,
			  unsigned long block)
{
	struct folio *folio = xa_load(&arena->blocks, block), *page;
	pgoff_t first = block * PP_BLOCK_PAGES;
	unsigned int i;

	unmap_mapping_range(mapping, (loff_t)first << PAGE_SHIFT,
			    PP_BLOCK_PAGES << PAGE_SHIFT, 1);
	if (!pp_arena_unused(folio))
		return -EBUSY;
	for (i = 0; i < PP_BLOCK_PAGES; i++) {
		page = pp_arena_add(&arena->folios, first + i, 1);
		if (!page)
			goto out_free;
		pp_copy_folio(page, 0, folio, i * PAGE_SIZE, PAGE_SIZE);
	}
	xa_erase(&arena->blocks, block);
	pp_folio_free(folio);
	return 0;

out_free:
	while (i--)
		pp_folio_free(xa_erase(&arena->folios, first + i));
	return -ENOMEM;
}

/*
 * Take a folio of at most @pages out, if it is there and nobody else uses it.  The
 * pages are mapped nowhere when this is called; while the arena is locked nobody
 * can map them.
 */
static struct folio *pp_arena_take(struct pp_arena *arena,
				   struct address_space *mapping, pgoff_t index,
				   unsigned long pages)
{
	unsigned long block = index / PP_BLOCK_PAGES;
	struct xarray *folios = &arena->blocks;
	struct folio *folio = xa_load(folios, block);

	if (folio && (index % PP_BLOCK_PAGES || pages < PP_BLOCK_PAGES)) {
		if (pp_arena_split(arena, mapping, block))
			goto out_refused;
		folio = NULL;
	}
	if (folio) {
		index = block;
	} else {
		folios = &arena->folios;
		folio = xa_load(folios, index);
	}

	if (!folio)
		return NULL;
	if (!pp_arena_unused(folio))
		goto out_refused;
	xa_erase(folios, index);
	/* The core marks the page dirty at a write fault, which has no meaning here. */
	folio_clear_dirty(folio);
	return folio;

out_refused:
	pp_count(PP_refused_busy_pages, 1);
	return NULL;
}

/* Move whole pages from @index on, until one can't be taken. */
static size_t pp_arena_move(struct pp_ring *ring, struct file *file,
			    pgoff_t index, unsigned long pages)
{
	struct pp_arena *arena = file_inode(file)->i_private;
	struct address_space *mapping = file->f_mapping;
	unsigned long i = 0;

	mutex_lock(&arena->lock);
	unmap_mapping_range(mapping, (loff_t)index << PAGE_SHIFT,
			    (loff_t)pages << PAGE_SHIFT, 1);
	while (i < pages) {
		struct pp_slot slot = {};

		slot.folio = pp_arena_take(arena, mapping, index + i, pages - i);
		if (!slot.folio)
			break;
		slot.len = folio_size(slot.folio);
		i += folio_nr_pages(slot.folio);
		pp_ring_push(ring, slot);
	}
	mutex_unlock(&arena->lock);

	ring->taken += i << PAGE_SHIFT;
	pp_count(PP_gift_taken, i << PAGE_SHIFT);
	pp_count(PP_gift_taken_pages, i);
	return i << PAGE_SHIFT;
}

/**
 * pp_arena_gift() - Move pages of the caller's arena into a pipe.
 * @ring: the pipe, locked, with room for a page
 * @addr: where the memory begins
 * @len: how long it is, in bytes, not 0; cut to those that the answer is about
 *
 * Return: true if @len bytes, whole pages, were moved; false if they must be
 * copied because they are no arena that the caller may write, no whole page,
 * or the page is pinned by somebody or was never written.
 */
bool pp_arena_gift(struct pp_ring *ring, unsigned long addr, size_t *len)
{
	struct file *file = NULL;
	struct vm_area_struct *vma;
	size_t head = PAGE_SIZE - offset_in_page(addr);
	unsigned long pages = 0;
	pgoff_t index = 0;
	size_t done = 0;

	addr = untagged_addr(addr);
	mmap_read_lock(current->mm);
	vma = vma_lookup(current->mm, addr);
	/* Giving a page away changes the memory, so it requires the right to write. */
	if (vma && vma->vm_ops == &pp_arena_vm_ops && vma->vm_flags & VM_WRITE &&
	    arch_vma_access_permitted(vma, true, false, false)) {
		file = get_file(vma->vm_file);
		index = linear_page_index(vma, addr);
		pages = min(*len, vma->vm_end - addr) >> PAGE_SHIFT;
	}
	mmap_read_unlock(current->mm);

	if (!file)
		return false;
	if (!offset_in_page(addr) && pages)
		done = pp_arena_move(ring, file, index,
				     min_t(unsigned long, pages, pp_ring_room(ring)));
	fput(file);
	*len = done ?: min(*len, head);
	return done;
}
