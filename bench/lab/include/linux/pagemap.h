/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The page cache has large folios.  Nothing but this header makes them depend on transparent huge
 * pages, which User-Mode Linux does not have and which only mapping such folios would need.
 */
#include <linux/mm.h>
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/uaccess.h>
#include <linux/hardirq.h>
#include <linux/huge_mm.h>
#include <linux/hugetlb_inline.h>

#pragma push_macro("HPAGE_PMD_ORDER")
#undef HPAGE_PMD_ORDER
#define HPAGE_PMD_ORDER 9	/* 2 MiB, as on x86 */
#define CONFIG_TRANSPARENT_HUGEPAGE 1

#include_next <linux/pagemap.h>

#undef CONFIG_TRANSPARENT_HUGEPAGE
#pragma pop_macro("HPAGE_PMD_ORDER")
#undef PREFERRED_MAX_PAGECACHE_ORDER
#define PREFERRED_MAX_PAGECACHE_ORDER 9
