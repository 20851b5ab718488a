# shellcheck shell=bash
# shellcheck disable=SC2154 # cpus, out, sources and tools come from bench/lab
# Sourced by bench/lab: User-Mode Linux kernels that wait for cases. Their output goes to $out;
# $sources and $tools are for their init. They have $cpus CPUs.

declare -A to from pid

# map_by_2_mib: a kernel's memory is a file that it maps. From a tmpfs with huge pages the host maps it
# as a real machine's kernel maps its memory; mounting such a tmpfs takes root.
map_by_2_mib() {
	memory=$(mktemp -d)
	if ! mount -t tmpfs -o huge=always,size=100% lab "$memory" 2>/dev/null; then
		rmdir "$memory"
		memory=''
		say "no tmpfs of huge pages without root: the host maps the kernels' memory by 4 KiB"
	fi
	trap '[ -z "$memory" ] || { umount -l "$memory" && rmdir "$memory"; }; at_exit' EXIT
}

# await NAME: wait until that kernel wants a case; its output until then goes to its log.
await() {
	local line
	while IFS= read -r -u "${from[$1]}" line; do
		printf '%s\n' "$line" >>"$out/$1.log"
		[[ $line != "lab: ready"* ]] || return 0
	done
	tail -n 40 "$out/$1.log" >&2
	die "the lab's $1 kernel died"
}

# boot_kernel NAME KERNEL
boot_kernel() {
	local in=$out/$1.in answers=$out/$1.out fd smp=() host thread
	rm -f "$in" "$answers"
	mkfifo "$in" "$answers"
	# With several CPUs, programs can't run by ptrace.
	[ "$cpus" = 1 ] || smp=(ncpus="$cpus" seccomp=on)
	# init_on_alloc as Debian's kernels have it; ahead of other programs where that is allowed.
	TMPDIR=${memory:-${TMPDIR-}} nice -n "$([ "$(id -u)" = 0 ] && echo -19 || echo 0)" \
		"$2" "${smp[@]}" mem=4G init_on_alloc=1 quiet rootfstype=hostfs root=/ rw \
		init="$PWD/bench/lab/init" con=null con0=fd:0,fd:1 \
		LAB_RESULTS="$out/$1.jsonl" LAB_SOURCES="$sources" TOOLS="$tools" <"$in" >"$answers" 2>&1 &
	pid[$1]=$!
	exec {fd}>"$in" && to[$1]=$fd
	exec {fd}<"$answers" && from[$1]=$fd
	await "$1"
	# Its CPUs are its first threads. The first CPU stays away from the host's first, which most
	# interrupts go to.
	host=$(nproc)
	for thread in $(find "/proc/${pid[$1]}/task" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort -n | head -n "$cpus"); do
		taskset -pc $((--host)) "$thread" >/dev/null
	done
	say "the $1 kernel's memory: $(awk '/^Rss/ { rss += $2 } /^ShmemPmdMapped/ { huge += $2 }
		END { printf "%d MiB, %d of them in huge pages", rss / 1024, huge / 1024 }' \
		"/proc/${pid[$1]}/smaps")"
}

# visit NAME CASE
visit() {
	echo "$2" >&"${to[$1]}"
	await "$1"
}

# end_kernel NAME
end_kernel() {
	local fd
	echo end >&"${to[$1]}"
	# A console that is closed too early takes the line with it.
	cat <&"${from[$1]}" >>"$out/$1.log" &
	# User-Mode Linux with several CPUs doesn't always survive this; it has done its work.
	wait "${pid[$1]}" || say "the $1 kernel did not power off (status $?)"
	fd=${to[$1]} && exec {fd}>&-
	fd=${from[$1]} && exec {fd}<&-
}
