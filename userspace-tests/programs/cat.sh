# shellcheck shell=sh
# Sourced by trials of coreutils.
. "$(dirname "$0")/common.sh"

# try_cat PROGRAM: a cat splices through a pipe of its own, unless both sides are files: from a disk,
# between pipes and to a file.
try_cat() {
	cold
	watch "$@" file | cat >copy
	called 'splice\([0-9]+, NULL, 1,'
	same copy
	# shellcheck disable=SC2002
	cat file | watch "$@" | cat >copy
	called 'splice\(0, NULL, [0-9]+,'
	same copy
	# shellcheck disable=SC2002
	cat file | watch "$@" >/mnt/xfs/copy
	called 'splice\([0-9]+, NULL, 1,'
	same /mnt/xfs/copy
}
