# Every target calls one script; the scripts say what they do at their top.
# The seconds that scripts print count from here.
export PRIVPIPE_START := $(shell date +%s)

SERIES ?= private

.PHONY: $(shell sed -n 's/^\([a-z-]*\):.*\#\#.*/\1/p' Makefile)

help:		## list the targets
	@sed -n 's/^### /\n/p; s/^\([a-z-]*\):.*## /  \1\t/p' Makefile | expand -t 20

### See it

demo: deps-guest	## private pipes beside stock ones, on a stock kernel in QEMU
	@scripts/demo

demo-harden: deps-guest	## the stock kernel's own pipes before, during and after hardening
	@scripts/demo harden

shell: deps-guest	## a shell on a stock kernel in QEMU with the module loaded
	@scripts/shell

### Build it, for the running kernel or for KDIR=: see scripts/deps/find-headers

module: deps-module	## privpipe.ko
	@scripts/build/module $(or $(KDIR),running)

harden: deps-module	## privpipe_harden.ko; docs/harden.md says what for
	@scripts/build/module $(or $(KDIR),running) harden

### Test it

check: deps-guest-kernel	## build and test everything; ends with how many passed
	@scripts/check

lint: deps-guest-kernel-lint	## check style and look for bugs without running anything
	@scripts/lint

test-module:	## the suites in QEMU, stock system calls against the module
test-harden:	## the suites on a hardened stock kernel
stress:		## random programs on both kinds of pipes; N= operations, SEED=
test-debug:	## the suites on a kernel with KASAN, lockdep, kmemleak and faults
test-races:	## everybody at once, for minutes, on that kernel
test-kcsan:	## data races, on a kernel with KCSAN
test-module test-harden stress: deps-guest
test-debug test-races test-kcsan: deps-guest-kernel
test-module test-harden stress test-debug test-races test-kcsan:
	@scripts/test/run $(@:test-%=%)

kunit: deps-guest-kernel$(if $(filter arm64,$(ARCH)),-arm64)	## the KUnit suites in QEMU, or with ARCH=um or arm64; SUITE=, SERIES=
	@scripts/test/kunit

matrix: deps-guest-kernel-arm64	## which of Debian's kernels the modules build and work on; KERNELS=GLOB, RESUME=yes
	@scripts/test/matrix

prove-harden: deps-guest-kernel	## Dirty Pipe and four like it on a kernel without their fixes, hardened or not
	@scripts/test/prove-harden

mutants: deps-guest-kernel	## plant mistakes in a copy of the module: are they all caught?
	@scripts/test/mutants

coverage: deps-guest-kernel	## which lines of the module the tests run; takes an hour
	@scripts/test/coverage

### The series: SERIES=private, steal or radical

series-tree: deps-kernel	## a git tree of Linux with patches/SERIES, in build/series-SERIES; LINUX=DIR
	@scripts/series/tree $(SERIES)

series-export:	## write the commits of that tree to patches/SERIES
	@scripts/series/export $(SERIES)

series-check: deps-guest-kernel-lint	## apply, build and check patches/SERIES patch by patch; BOOT=1: boot each
	@scripts/series/check $(SERIES)

test-patched: deps-guest-kernel	## the suites on a debug kernel with patches/SERIES
	@scripts/test/patched $(SERIES)

compat: deps-guest-kernel	## programs of Debian's on stock, hardened and patched kernels
	@scripts/compat/run $(SERIES)

### Measure it

bench: deps-guest-kernel	## in User-Mode Linux, in tables of ratios; QUICK=1: main paths
	@scripts/bench/lab

bench-host: deps-user-bench	## on this machine itself, with the module if it is loaded
	@scripts/bench/host

### Install it

install: deps-install	## modules, library and command; PREFIX=/usr/local DESTDIR= KDIR=
	@scripts/install

uninstall:	## remove what install put there; same PREFIX= and DESTDIR=
	@scripts/uninstall

deb: deps-deb	## Debian packages of the last commit: both modules for DKMS, library, command
	@scripts/build/deb

test-packages: deps-packages	## those packages in a Debian: a kernel update, Secure Boot, a purge
	@scripts/test/packages

deps: deps-guest-kernel	## the packages that building and testing needs

clean:		## remove everything built or downloaded
	rm -rf build

# deps-WHAT-WHAT: see scripts/deps/install; one call, so that it prints one line at most.
deps-%:
	@scripts/deps/install $(subst -, ,$*)
