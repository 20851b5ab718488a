# shellcheck shell=bash
# Sourced by the scripts here: they all run from the top of the tree.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PATH:/usr/sbin:/sbin

# Whoever comes first starts the clock; the scripts it calls inherit it.
export PRIVPIPE_START=${PRIVPIPE_START:-$EPOCHSECONDS}

# What was compiled in one clone need not be compiled again in another one.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1

say() {
	printf '[%4ds] %s\n' $((EPOCHSECONDS - PRIVPIPE_START)) "$*" >&2
}

die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# need COMMAND PACKAGE
need() {
	command -v "$1" >/dev/null || die "missing: $1; 'make deps' installs the package $2"
}

# one_at_a_time: until this script ends, others of its name wait here: two guests may be
# prepared at a time.
one_at_a_time() {
	mkdir -p build
	exec {lock}>"build/.${0##*/}.lock"
	flock "$lock"
}

# run_suites NAME PLAN: in a guest, see run-guest. The last thing it prints is
# N passed, N failed, N skipped.
run_suites() {
	local status=0
	scripts/run-guest "$@" || status=$?
	sed -n 's/^guest: \([0-9]* passed, .*\)/\1/p' "build/guest/$1/results.log"
	return $status
}
