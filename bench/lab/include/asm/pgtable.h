/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What transparent huge pages need of an architecture, for large folios in the page cache, and for
 * splitting them.  has_transparent_hugepage() says that the machine can't map any.
 * checkpatch: MACRO_ARG_UNUSED: they have the arguments of other architectures
 */
#include_next <asm/pgtable.h>

#if !defined(__ASSEMBLER__) && !defined(LAB_PGTABLE_H)
#define LAB_PGTABLE_H

#define has_transparent_hugepage() 0
#define HPAGE_SHIFT PMD_SHIFT
#define HPAGE_SIZE PMD_SIZE

static inline int pmd_trans_huge(pmd_t pmd)
{
	return 0;
}

#define pmd_write(pmd) pte_write(__pte(pmd_val(pmd)))
#define pmd_dirty(pmd) pte_dirty(__pte(pmd_val(pmd)))
#define pmd_young(pmd) pte_young(__pte(pmd_val(pmd)))
#define lab_pmd(change, pmd) __pmd(pte_val(change(__pte(pmd_val(pmd)))))
#define mk_pmd(page, prot) pfn_pmd(page_to_pfn(page), prot) /* of 6.12 */
#define pmd_mkhuge(pmd) (pmd)
#define pmd_mkold(pmd) lab_pmd(pte_mkold, pmd)
#define pmd_mkyoung(pmd) lab_pmd(pte_mkyoung, pmd)
#define pmd_mkclean(pmd) lab_pmd(pte_mkclean, pmd)
#define pmd_mkdirty(pmd) lab_pmd(pte_mkdirty, pmd)
#define pmd_wrprotect(pmd) lab_pmd(pte_wrprotect, pmd)
#define pmd_mkwrite_novma(pmd) lab_pmd(pte_mkwrite_novma, pmd)
#define pmd_mkinvalid(pmd) (pmd)
#define pmd_modify(pmd, prot) (pmd)
#define pmdp_establish generic_pmdp_establish
#define set_pmd_at(mm, addr, pmdp, pmd) ((void)(mm), set_pmd(pmdp, pmd))
#define update_mmu_cache_pmd(vma, addr, pmdp) do {} while (0)

#endif
