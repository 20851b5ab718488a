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

# watch PROGRAM [ARGUMENT...]: run that, and note which of these system calls it makes.
watch() {
	rm -f calls
	strace -f -qq -e trace=splice,vmsplice,tee,sendfile -o calls "$@"
}

# called REGEX: did what strace watched last move bytes by a call that begins like that?
called() {
	grep -qE "^([0-9]+ +)?$1.*= [1-9]" calls
}
