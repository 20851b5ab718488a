# Every target calls one script; the scripts say what they do at their top.
# The seconds that scripts print count from here.
export PRIVPIPE_START := $(shell date +%s)

.PHONY: help demo check module test-module test-debug check-kcsan kunit stress stress-races
.PHONY: mutants coverage bench bench-host lint shell install uninstall deb deps clean
.PHONY: series-tree series-export series-check test-patched compat
.PHONY: harden demo-harden test-harden prove-harden

help:		## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  \1\t/p' Makefile | expand -t 20

demo: deps-guest	## show private pipes beside stock ones, on a stock kernel in QEMU
	@scripts/demo

check: deps-guest-kernel	## build and test everything; ends with how many passed
	@scripts/check

module: deps-module	## build privpipe.ko for the running kernel, or for KDIR=; see scripts/find-headers
	@scripts/build-module $(or $(KDIR),running)

harden: deps-module	## build privpipe_harden.ko, for the same; docs/harden.md says what for
	@scripts/build-module $(or $(KDIR),running) module/harden

demo-harden: deps-guest	## show the stock kernel's own pipes before, during and after hardening
	@scripts/demo-harden

test-harden: deps-guest	## run the test suites on a hardened stock kernel in QEMU
	@scripts/test-harden

prove-harden: deps-guest-kernel	## Dirty Pipe and Copy Fail on a kernel without their fixes, hardened or not
	@scripts/prove-harden

test-module: deps-guest	## run the test suites in QEMU, stock system calls against the module
	@scripts/test-module

test-debug: deps-guest-kernel	## the same on a kernel with KASAN, lockdep, kmemleak and faults
	@scripts/test-kernel debug userspace-tests/plan userspace-tests/plan.debug

check-kcsan: deps-guest-kernel	## look for data races, on a kernel with KCSAN
	@scripts/test-kernel kcsan userspace-tests/plan.kcsan

stress: deps-guest	## random programs on both kinds of pipes; N= operations, SEED=
	@scripts/stress

stress-races: deps-guest-kernel	## everybody at once, for minutes, on the debug kernel
	@scripts/test-kernel debug userspace-tests/plan.races

kunit: deps-guest-kernel$(if $(filter arm64,$(ARCH)),-arm64)	## run the KUnit suites in QEMU, or with ARCH=um or arm64; SUITE=, SERIES=
	@scripts/kunit

mutants: deps-guest-kernel	## plant mistakes in a copy of the module: are they all caught?
	@scripts/mutants

coverage: deps-guest-kernel	## which lines of the module the tests run; takes an hour
	@scripts/coverage

bench: deps-guest-kernel	## measure in User-Mode Linux, in tables of ratios; QUICK=1: main paths
	@scripts/bench-lab

bench-host: deps-user-bench	## measure on this machine itself, with the module if it is loaded
	@scripts/bench-host

lint: deps-guest-lint	## check style and look for bugs without running anything
	@scripts/lint

SERIES ?= private

series-tree: deps-kernel	## a git tree of Linux with patches/SERIES, in build/series-SERIES; LINUX=DIR
	@scripts/series-tree $(SERIES)

series-export:	## write the commits of that tree to patches/SERIES
	@scripts/series-export $(SERIES)

series-check: deps-guest-kernel-lint	## apply, build and check patches/SERIES patch by patch; BOOT=1: boot each
	@scripts/series-check $(SERIES)

test-patched: deps-guest-kernel	## run the test suites on a debug kernel with patches/SERIES
	@scripts/test-patched $(SERIES)

compat: deps-guest-kernel	## programs of Debian's on stock, hardened and patched kernels
	@scripts/compat $(SERIES)

shell: deps-guest	## a shell on a stock kernel in QEMU with the module loaded
	@scripts/shell

install: deps-install	## install modules, library and command; PREFIX=/usr/local DESTDIR= KDIR=
	@scripts/install

deb: deps-deb	## Debian packages of what is committed: both modules for DKMS, library, command
	@scripts/make-deb

uninstall:	## remove what install put there; same PREFIX= and DESTDIR=
	@scripts/uninstall

deps: deps-guest-kernel	## install the packages that building and testing needs

# deps-WHAT-WHAT: see scripts/install-deps; one call, so that it prints one line at most.
deps-%:
	@scripts/install-deps $(subst -, ,$*)

clean:		## remove everything built or downloaded
	rm -rf build
