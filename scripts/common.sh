# shellcheck shell=bash
# Sourced by the scripts here: they all run from the top of the tree.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PATH:/usr/sbin:/sbin

# The outermost script starts the clock; the scripts that it calls inherit it.
export PRIVPIPE_START=${PRIVPIPE_START:-$EPOCHSECONDS}

# Clones of this tree share compiled objects.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1

say() {
	printf '[%4ds] %s\n' $((EPOCHSECONDS - PRIVPIPE_START)) "$*" >&2
}

die() {
	printf '%s: %s\n' "${0##*scripts/}" "$*" >&2
	exit 1
}

[[ $PWD != *[[:space:]:]* ]] ||
	die "there is a blank or a colon in the path $PWD, with which no kernel module can be built: move this tree"

# need COMMAND PACKAGE
need() {
	command -v "$1" >/dev/null || die "missing: $1; 'make deps' installs the package $2"
}

# hold NAME: until this script ends, any other script that holds NAME waits here. The scripts that
# this one calls hold NAME, too.
hold() {
	local file=$PWD/build/.$1.lock fd
	[[ " ${PRIVPIPE_HELD-} " != *" $file "* ]] || return 0
	mkdir -p build
	exec {fd}>"$file"
	if ! flock -n "$fd"; then
		say "waiting for another ${0##*scripts/} to end: both use $1"
		flock "$fd"
	fi
	export PRIVPIPE_HELD="${PRIVPIPE_HELD-} $file"
}

# in_background COMMAND...: in a process group of its own, which ends with this script. Sets $!.
in_background() {
	set -m
	"$@" </dev/null &
	set +m
}

end_background() {
	local group
	for group in $(jobs -pr); do
		kill -TERM -- "-$group" 2>/dev/null || true
	done
}

# The owner of the tree keeps owning all of build/, also after `sudo make install`.
give_back() {
	if [ "$(id -u)" = 0 ] && [ "$(stat -c %u .)" != 0 ] && [ -d build ]; then
		find build -user 0 -exec chown -h --reference=. {} +
	fi
}

at_exit() {
	end_background
	[ "${PRIVPIPE_OUTERMOST-}" != $$ ] || give_back
}
export PRIVPIPE_OUTERMOST=${PRIVPIPE_OUTERMOST:-$$}
trap at_exit EXIT

# needs_newer_libc KDIR: do the tools that come with these headers want a newer C library than this
# machine's?
needs_newer_libc() {
	[[ $(ldd "$1"/scripts/mod/modpost* 2>&1) = *GLIBC*not\ found* ]]
}

# supported RELEASE: are the modules made for such a kernel? Of a newer one module/compat/ finds out.
supported() {
	printf '%s\n' 6.12 "$1" | sort -VC
}

# release_of KDIR: of the kernel whose headers are in KDIR.
release_of() {
	[ -e "$1/include/config/kernel.release" ] || die "no kernel headers in $1"
	cat "$1/include/config/kernel.release"
}

# base_of SERIES: the version of Linux that patches/SERIES is for.
base_of() {
	if [ -e "patches/$1/onto" ]; then
		base_of "$(cat "patches/$1/onto")"
	else
		cat "patches/$1/base"
	fi
}

# exported TREE: is that tree of series/tree what patches/ says, without commits or changes of its own?
exported() {
	local commit
	read -r commit _ <"$1/.git/applied"
	[ "$(git -C "$1" rev-parse HEAD)" = "$commit" ] && git -C "$1" diff --quiet HEAD
}

# use_arch RELEASE: from here on packages may be for that kernel's architecture, if it is not this
# machine's.
use_arch() {
	[[ $1 != *-arm64* ]] || [ "$(uname -m)" = aarch64 ] || export FOREIGN=arm64 DEBIAN=13
	[[ $1 != *+deb12*-arm64* ]] || export RELEASE=bookworm
}

# use_kernel SERIES|RELEASE: from here on guests boot that kernel of Debian's, or the newest of that
# series, whose headers are in $HEADERS. Empty: as if this had not been called.
use_kernel() {
	local release=$1 image
	[ "$1" ] || return 0
	[[ $release = *+deb* ]] || release=$(scripts/deps/find-kernel newest cloud-amd64 "$release")
	use_arch "$release"
	image=$PWD/$(scripts/deps/fetch-image "$release")
	HEADERS=$(scripts/deps/fetch-headers "$release")
	export KERNEL=$image/boot/vmlinuz-$release MODULES=$image/lib/modules/$release HEADERS
}

# use_tools: from here on, use the tools that fetch-tools unpacks.
use_tools() {
	local tools arch
	tools=$PWD/$(scripts/deps/fetch-tools)
	arch=$(gcc -print-multiarch)
	PATH=$tools/usr/sbin:$tools/usr/bin:$tools/sbin:$tools/bin:$PATH
	export LD_LIBRARY_PATH=$tools/usr/lib/$arch:$tools/lib/$arch
}

# use_cross ARCH: from here on, use the compilers that fetch-cross unpacks, in $usr.
use_cross() {
	usr=$PWD/$(scripts/deps/fetch-cross "$1")
	LD_LIBRARY_PATH=$usr/lib/$(gcc -print-multiarch)
	export PATH=$usr/bin:$PATH LD_LIBRARY_PATH
}

# kbuild TREE OUT ARCH ARG...: let the kernel's own makefiles make what ARGs say. A timestamp in the
# sources would make ccache miss.
kbuild() {
	make -C "$1" O="$2" ARCH="$3" CC="ccache gcc" HOSTCC="ccache gcc" KBUILD_BUILD_TIMESTAMP= \
		-j"$(nproc)" "${@:4}"
}

# run_suites NAME PLAN: in a guest, see guest/run. The last thing it prints is
# N passed, N failed, N skipped.
run_suites() {
	local status=0
	hold "guest-$1"
	scripts/guest/run "$@" || status=$?
	sed -n 's/^guest: \([0-9]* passed, .*\)/\1/p' "build/guest/$1/results.log"
	return $status
}
