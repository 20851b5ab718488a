/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The attribute that ->show of a struct module_attribute gets is const in 7.x, but not in 6.12.
 * checkpatch: NEW_TYPEDEFS: only a typedef can be const or not
 */
#ifndef PRIVPIPE_COMPAT_MODULE_ATTRIBUTE_H
#define PRIVPIPE_COMPAT_MODULE_ATTRIBUTE_H

#include <linux/module.h>

typedef ssize_t pp_show_changeable(struct module_attribute *attr,
				   struct module_kobject *kobj, char *buf);

#define PP_SHOWS_CHANGEABLE \
	__same_type(((struct module_attribute *)NULL)->show, (pp_show_changeable *)NULL)

/* struct module_attribute, const where ->show wants it so. */
typedef typeof(*__builtin_choose_expr(PP_SHOWS_CHANGEABLE,
				      (struct module_attribute *)NULL,
				      (const struct module_attribute *)NULL))
	pp_module_attribute;

#endif /* PRIVPIPE_COMPAT_MODULE_ATTRIBUTE_H */
