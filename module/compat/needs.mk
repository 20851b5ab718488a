# SPDX-License-Identifier: GPL-2.0
# What a kernel must have is asked for here, so that one sentence says what it lacks. Inside of a
# kernel's tree Kconfig asks, and `make clean` knows nothing about the kernel.
pp-ask := $(and $(KBUILD_EXTMOD),$(CONFIG_MODULES))

# $(call pp-need-options,OPTION...): of the kernel's configuration.
pp-need-options = $(if $(pp-ask),$(foreach option,$(1),$(if $($(option)),,\
	$(error This kernel is built without $(option), which $(obj-m:.o=) needs))))

# $(call pp-need-symbols,SYMBOL...): exported to modules.
pp-exported = $(shell awk '{ print $$2 }' $(objtree)/Module.symvers)
pp-need-symbols = $(if $(pp-ask),$(foreach symbol,$(filter-out $(pp-exported),$(1)),\
	$(error This kernel does not export $(symbol)(), which $(obj-m:.o=) needs)))
