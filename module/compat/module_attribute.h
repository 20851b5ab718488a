/* SPDX-License-Identifier: GPL-2.0 */
/* The attribute that ->show of a struct module_attribute gets is const in 7.x, and not in 6.12. */
#ifndef PRIVPIPE_COMPAT_MODULE_ATTRIBUTE_H
#define PRIVPIPE_COMPAT_MODULE_ATTRIBUTE_H

#include <linux/module.h>

typedef ssize_t pp_show_changeable(struct module_attribute *attr,
				   struct module_kobject *kobj, char *buf);

/* struct module_attribute, const where ->show wants it so. */
typedef typeof(*_Generic(((struct module_attribute *)NULL)->show,
			 pp_show_changeable *: (struct module_attribute *)NULL,
			 default: (const struct module_attribute *)NULL))
	pp_module_attribute;

#endif /* PRIVPIPE_COMPAT_MODULE_ATTRIBUTE_H */
