# shellcheck shell=bash
# shellcheck disable=SC2154 # tmp comes from run
# Scripts that run beside each other, and scripts that are ended.

# gone PID...: wait for them to end.
gone() {
	local pid tries=300
	for pid in "$@"; do
		while [ -d "/proc/$pid" ] && ! grep -q '^State:.Z' "/proc/$pid/status"; do
			[ $((tries -= 1)) -gt 0 ] || fail "$pid goes on: $(tr '\0' ' ' <"/proc/$pid/cmdline")"
			sleep 0.1
		done
	done
}

# until_there FILE...
until_there() {
	local file tries=300
	for file in "$@"; do
		while [ ! -s "$file" ]; do
			[ $((tries -= 1)) -gt 0 ] || fail "no $file"
			sleep 0.1
		done
	done
}

test_a_guest_of_the_same_name_waits() {
	mkdir -p build/guest/test-together
	echo precious >build/guest/test-together/disk
	bash -c 'source scripts/common.sh; hold guest-test-together; echo held; exec sleep 1000' >"$tmp/held" &
	holder=$!
	until_there "$tmp/held"
	timeout 2 scripts/guest/run test-together <(echo shell) >"$tmp/said" 2>&1 || true
	kill $holder
	says "waiting for another guest/run"
	[ "$(cat build/guest/test-together/disk)" = precious ] || fail "its files are gone"
	rm -r build/guest/test-together
}

test_what_is_held_is_held_for_the_scripts_called_too() {
	works timeout 60 bash -c 'source scripts/common.sh; hold test-together; bash -c "source scripts/common.sh; hold test-together"'
}

# All that check calls is replaced by scripts that wait, or end at once.
fake_check() {
	mkdir -p "$tmp"/tree/scripts/{build,test}
	cp scripts/{check,common.sh} "$tmp/tree/scripts"
	for script in build/{user,module} test/{host,kunit,run} demo; do
		# shellcheck disable=SC2016 # $1 is the stand-in's
		printf '#!/bin/bash\n[ ! -f %s/tree/$1 ] || exec %s/tree/$1\necho "1 passed, 0 failed, 0 skipped"\n' \
			"$tmp" "$tmp" >"$tmp/tree/scripts/$script"
	done
	for name in "$@"; do
		printf '#!/bin/bash\nsleep 1000 &\necho $$ $! >%s\nsleep 1001; true\n' "$tmp/$name" >"$tmp/tree/$name"
		chmod +x "$tmp/tree/$name"
	done
	chmod -R +x "$tmp"/tree/scripts
}

# end_check SIGNAL: while the scripts of fake_check wait.
end_check() {
	fake_check module stress
	"$tmp/tree/scripts/check" >"$tmp/said" 2>&1 &
	check=$!
	until_there "$tmp"/{module,stress}
	kill -"$1" $check
	read -ra pids < <(cat "$tmp"/{module,stress} | xargs)
	gone $check "${pids[@]}"
}

test_check_ends_its_children_when_it_is_terminated() {
	end_check TERM
}

test_check_ends_its_children_when_its_terminal_goes() {
	end_check HUP
}

test_check_counts_what_every_part_says() {
	fake_check
	works "$tmp/tree/scripts/check"
	says "7 passed, 0 failed, 0 skipped"
	printf '#!/bin/bash\nexit 1\n' >"$tmp/tree/stress"
	chmod +x "$tmp/tree/stress"
	fails "$tmp/tree/scripts/check"
	says "6 passed, 1 failed, 0 skipped"
}
