# Every target calls one script; the scripts say what they do at their top.
# The seconds that scripts print count from here.
export PRIVPIPE_START := $(shell date +%s)

.PHONY: help demo check module test-module test-debug check-kcsan kunit stress stress-races
.PHONY: mutants coverage bench bench-host lint shell install uninstall deps clean
.PHONY: series-tree series-export series-check test-patched compat
.PHONY: harden demo-harden test-harden prove-harden

help:		## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## /  \1\t/p' Makefile | expand -t 20

demo: deps	## show private pipes beside stock ones, on a stock kernel in QEMU
	@scripts/demo

check: deps	## build and test everything; ends with how many passed
	@scripts/install-deps bench
	@scripts/check

module: deps	## build privpipe.ko for Debian's newest 6.12 kernel, or for KDIR=
	@scripts/build-module $(KDIR)

harden: deps	## build privpipe_harden.ko, for the same; docs/harden.md says what for
	@scripts/build-module '$(KDIR)' module/harden

demo-harden: deps	## show the stock kernel's own pipes before, during and after hardening
	@scripts/demo-harden

test-harden: deps	## run the test suites on a hardened stock kernel in QEMU
	@scripts/test-harden

prove-harden: deps	## Dirty Pipe and Copy Fail on a kernel without their fixes, hardened or not
	@scripts/install-deps bench
	@scripts/prove-harden

test-module: deps	## run the test suites in QEMU, stock system calls against the module
	@scripts/test-module

test-debug: deps	## the same on a kernel with KASAN, lockdep, kmemleak and faults
	@scripts/install-deps bench
	@scripts/test-kernel debug userspace-tests/plan userspace-tests/plan.debug

check-kcsan: deps	## look for data races, on a kernel with KCSAN
	@scripts/install-deps bench
	@scripts/test-kernel kcsan userspace-tests/plan.kcsan

stress: deps		## random programs on both kinds of pipes; N= operations, SEED=
	@scripts/stress

stress-races: deps	## everybody at once, for minutes, on the debug kernel
	@scripts/install-deps bench
	@scripts/test-kernel debug userspace-tests/plan.races

kunit:		## run the KUnit suites in QEMU, or with ARCH=um or arm64; SUITE=, SERIES=
	@scripts/install-deps bench
	@scripts/kunit

mutants: deps		## plant mistakes in a copy of the module: are they all caught?
	@scripts/install-deps bench
	@scripts/mutants

coverage: deps		## which lines of the module the tests run; takes an hour
	@scripts/install-deps bench
	@scripts/coverage

bench:		## measure in User-Mode Linux, in tables of ratios; QUICK=1: main paths
	@scripts/bench-lab

bench-host:	## measure on this machine itself, with the module if it is loaded
	@scripts/bench-host

lint:		## check style and look for bugs without running anything
	@scripts/install-deps lint
	@scripts/lint

SERIES ?= private

series-tree:	## a git tree of Linux with patches/SERIES, in build/series-SERIES; LINUX=DIR
	@scripts/install-deps bench
	@scripts/series-tree $(SERIES)

series-export:	## write the commits of that tree to patches/SERIES
	@scripts/series-export $(SERIES)

series-check:	## apply, build and check patches/SERIES patch by patch; BOOT=1: boot each
	@scripts/install-deps bench
	@scripts/install-deps lint
	@scripts/series-check $(SERIES)

test-patched: deps	## run the test suites on a debug kernel with patches/SERIES
	@scripts/install-deps bench
	@scripts/test-patched $(SERIES)

compat: deps	## programs of Debian's on stock, hardened and patched kernels
	@scripts/install-deps bench
	@scripts/compat $(SERIES)

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
