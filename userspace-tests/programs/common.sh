# shellcheck shell=sh
# Sourced by the trials, each of which fails with the first command that does: a file to get
# through pipes, on ext4.
set -ex
cd /mnt/ext4
head -c 5000001 /dev/urandom >file

# same FILE...: have these the bytes of file?
same() {
	for copy in "$@"; do
		cmp file "$copy"
	done
}

# cold: make the next read come from the disk.
cold() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
}
