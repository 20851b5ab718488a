# Every target calls one script; the scripts say what they do at their top.
# The seconds that scripts print count from here.
export PRIVPIPE_START := $(shell date +%s)

.PHONY: help demo check module test-module test-debug kunit bench lint shell install uninstall
.PHONY: deps clean

help:		## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## /  \1\t/p' Makefile | expand -t 20

demo: deps	## show private pipes beside stock ones, on a stock kernel in QEMU
	@scripts/demo

check: deps	## build and test everything; ends with how many passed
	@scripts/check

module: deps	## build privpipe.ko for Debian's newest 6.12 kernel, or for KDIR=
	@scripts/build-module $(KDIR)

test-module: deps	## run the test suites in QEMU, stock system calls against the module
	@scripts/test-module

test-debug: deps	## the same on a kernel with KASAN, lockdep, kmemleak and faults
	@scripts/install-deps bench
	@scripts/test-debug

kunit:		## run the KUnit suites in QEMU, or with ARCH=um; SUITE= filters
	@scripts/install-deps bench
	@scripts/kunit

bench:		## measure in User-Mode Linux, in tables of ratios
	@scripts/bench-lab

lint:		## check style and look for bugs without running anything
	@scripts/install-deps lint
	@scripts/lint

shell: deps	## a shell on a stock kernel in QEMU with the module loaded
	@scripts/shell

install: deps	## install module, library and command; PREFIX=/usr/local DESTDIR=
	@scripts/install

uninstall:	## remove what install put there; same PREFIX= and DESTDIR=
	@scripts/uninstall

deps:		## install the packages that building and testing needs
	@scripts/install-deps

clean:		## remove everything built or downloaded
	rm -rf build
