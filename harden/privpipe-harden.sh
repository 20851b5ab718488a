#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# privpipe-harden start|stop: load privpipe_harden and wait until pipes get copies, or undo both.
# Fails, and says why, when that takes longer than LIMIT seconds (60) or can't be.
name=privpipe_harden
livepatch=/sys/kernel/livepatch/$name
module=/sys/module/$name
limit=${LIMIT:-60}

fail() {
	echo "privpipe-harden: $*" >&2
	exit 1
}

# is VALUE FILE
is() {
	{ read -r value <"$2"; } 2>/dev/null && [ "$value" = "$1" ]
}

# within_limit COMMAND...: repeat that until it succeeds.
within_limit() {
	tries=$((limit * 10))
	until "$@"; do
		[ $((tries -= 1)) -ge 0 ] || return
		sleep 0.1
	done
}

# tasks STATE: those that are still in it, 0 without the livepatch or 1 with it.
tasks() {
	for file in /proc/[0-9]*/task/[0-9]*/patch_state; do
		task=${file%/patch_state}
		if is "$1" "$file" && { read -r comm <"$task/comm"; } 2>/dev/null; then
			printf ' %s[%s]' "$comm" "${task##*/}"
		fi
	done
}

kernel_log() {
	dmesg | grep "$name: "
}

# advice SAID: what the administrator can do when modprobe has failed and SAID that.
advice() {
	if ! modprobe -qn "$name"; then
		echo "DKMS has not built it for Linux $(uname -r): see 'dkms status'."
		return
	fi
	case $1 in
	*'Key was rejected'* | *'key not available'* | *'not permitted'*)
		echo "This kernel wants a signature by a key that it knows, as under Secure Boot:" \
			"'mokutil --import /var/lib/dkms/mok.pub' and a restart enrol DKMS's key." ;;
	esac
}

loaded() {
	before=$(kernel_log | wc -l)
	said=$(modprobe "$name" 2>&1) ||
		fail "pipes share pages: $name can't be loaded. $said" "$(advice "$said")" \
			"$(kernel_log | tail -n "+$((before + 1))")"
}

hardened() {
	is 1 $livepatch/enabled && is 0 $livepatch/transition
}

start() {
	loaded
	! is audit $module/parameters/mode || fail "pipes share pages: $name was loaded with mode=audit and only counts"
	# Somebody disabled it: by now completely, or not yet.
	[ -e $livepatch ] || { rmmod $name && loaded; } || exit
	! is 0 $livepatch/enabled || echo 1 >$livepatch/enabled
	within_limit hardened ||
		fail "some pipes still share pages: after $limit seconds these tasks have not left the functions that are replaced:$(tasks 0)"
}

disabled() {
	[ -e $livepatch ] || return 0
	! is 1 $livepatch/enabled || echo 0 >$livepatch/enabled
	return 1
}

unused() {
	[ ! -e $module ] || is 0 $module/refcnt
}

stop() {
	within_limit disabled ||
		fail "$name stays: after $limit seconds these tasks have not left its functions:$(tasks 1)"
	within_limit unused || fail "$name stays: something uses it"
	[ ! -e $module ] || rmmod $name
}

case ${1-} in
start | stop) "$1" ;;
*) fail "start or stop?" ;;
esac
