# shellcheck shell=bash
# shellcheck disable=SC2154 # tmp and status come from run
# The packages that the targets install, according to a simulation by Debian's own apt.

# as_if_installed PACKAGE...: from here on only these and their dependencies are installed.
as_if_installed() {
	mkdir -p "$tmp/dpkg"/{info,updates,triggers} "$tmp/bin"
	apt-get install -s -o Dir::State::status=/dev/null --no-install-recommends "$@" >"$tmp/plan"
	sed -n 's/^Inst \([^ ]*\).*/\1/p' "$tmp/plan" | xargs apt-cache show --no-all-versions |
		sed 's/^Package: .*/&\nStatus: install ok installed/' >"$tmp/dpkg/status"
	stub apt-get "$(command -v apt-get)" -s -o Dir::State::status="$tmp/dpkg/status"
	stub dpkg-query "$(command -v dpkg-query)" --admindir="$tmp/dpkg"
}

# stub COMMAND WHAT...: COMMAND runs WHAT, with its arguments
stub() {
	printf '#!/bin/sh\nexec %s "$@"\n' "${*:2}" >"$tmp/bin/$1"
	chmod +x "$tmp/bin/$1"
	PATH=$tmp/bin:$PATH
}

# as_user UID
as_user() {
	mkdir -p "$tmp/bin"
	stub id "echo $1 #"
}

# Debian's initramfs-tools come with busybox; a developer has cross compilers.
test_no_package_is_removed_and_no_boot_image_made() {
	as_if_installed busybox initramfs-tools gcc-aarch64-linux-gnu
	as_user 0
	works make deps
	! grep '^Remv' "$tmp/said" || fail "a package is removed"
	! grep -E '^Inst (busybox-static|xfsprogs|dmsetup|initramfs-tools|linux-image[^ ]*) ' "$tmp/said" ||
		fail "the boot image is made anew"
	works make deps-lint-bench-arm64-install
	! grep '^Remv' "$tmp/said" || fail "a package is removed"
}

# A conflict with an installed package is an error, instead of removing one of the two.
test_apt_is_told_to_remove_nothing() {
	as_if_installed busybox
	as_user 0
	sed -i 's/qemu-system-arm/busybox-static/' "$(copy_of scripts)/deps/install"
	fails "$tmp/scripts/deps/install" arm64
	says "Packages need to be removed"
}

copy_of() {
	cp -r "$1" "$tmp"
	echo "$tmp/$1"
}

test_check_prints_one_line_to_any_user() {
	as_if_installed base-files
	as_user 1000
	fails make check
	[ "$(grep -c apt-get "$tmp/said")" = 1 ] || fail "not one line: $(cat "$tmp/said")"
	for package in build-essential qemu-system-x86 libgtest-dev linux-source-6.12 bison; do
		says " $package"
	done
}

test_modules_want_a_compiler_and_nothing_of_qemu() {
	as_if_installed base-files
	as_user 1000
	for target in module harden install; do
		fails make $target
		says build-essential
		! grep -E 'qemu|gtest|xfsprogs|busybox|linux-source' "$tmp/said" || fail "make $target wants more"
	done
}
