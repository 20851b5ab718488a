# shellcheck shell=bash
# shellcheck disable=SC2154,SC2016 # tmp comes from run; what is quoted is for others to expand
# The commands in README.md and docs/*.md: they exist, and work as written.

# commands FILE...: the lines of code, without comments.
commands() {
	sed -n 's/^    \([^ ].*\)/\1/p' "$@" | sed 's/ *#.*//' | grep .
}

test_every_target_and_script_named_exists() {
	{ commands README.md docs/*.md; grep -oh '`[^`]*`' README.md docs/*.md userspace-tests/README.md | tr -d '`'; } >"$tmp/said"
	grep -oE '\bmake [a-z][a-z-]+' "$tmp/said" | sort -u | while read -r _ target; do
		grep -q "^$target:" Makefile || fail "no target $target"
	done
	grep -oE '\bscripts/[a-z/-]+' "$tmp/said" | sort -u | while read -r script; do
		[ -x "$script" ] || fail "no $script"
	done
}

test_modules_are_built_where_readme_loads_them_from() {
	release=6.12.1-any
	root=$tmp/root/lib/modules/$release/build
	mkdir -p "$tmp/bin" "$root/include/config"
	echo $release >"$root/include/config/kernel.release"
	printf '#!/bin/sh\necho %s\n' $release >"$tmp/bin/uname"
	printf 'modules:\n\ttouch $(M)/privpipe.ko $(M)/privpipe_harden.ko\n' >"$root/Makefile"
	chmod +x "$tmp/bin/uname"
	PATH=$tmp/bin:$PATH
	[ "$(scripts/deps/find-headers "$tmp/root")" = "$root" ] || fail "the running kernel's headers are not taken"
	for sources in module harden; do
		works scripts/build/module "$root" $sources
		built=$(tail -n 1 "$tmp/said")
		grep -qF "${built/$PWD\/build/build}" <(commands README.md | sed "s/\$(uname -r)/$release/") ||
			grep -qF "build/${sources##*/}/RELEASE/${built##*/}" README.md || fail "README.md does not name $built"
	done
	rm -r build/{module,harden}/$release
}

test_an_unsupported_kernel_or_one_without_headers_is_said() {
	mkdir -p "$tmp/bin"
	printf '#!/bin/sh\necho "$RELEASE"\n' >"$tmp/bin/uname"
	chmod +x "$tmp/bin/uname"
	newest=$(scripts/deps/fetch-headers "$(scripts/deps/find-kernel newest)")
	PATH=$tmp/bin:$PATH
	RELEASE=6.1.0-9-amd64 works scripts/deps/find-headers "$tmp/root"
	says "6.1.0-9-amd64, is not supported"
	says "$newest"
	RELEASE=6.12.1-any works scripts/deps/find-headers "$tmp/root"
	says "apt-get install linux-headers-6.12.1-any"
	says "$newest"
}

# Without a kernel of its own to build for, a machine still gets both, for Debian's newest.
test_make_module_and_make_harden_work() {
	for target in module harden; do
		works make $target
		[ -e "$(tail -n 1 "$tmp/said")" ] || fail "make $target says no module: $(cat "$tmp/said")"
	done
}

# As README.md says, with a tree that has no link of ours, for the kernel that is built soonest.
test_this_tree_drops_into_a_kernel_tree() {
	dir=$PWD/build/drop-in
	trap 'rm -rf "$tmp" "$dir"' EXIT
	rm -rf "$dir"
	mkdir -p "$dir/out"
	cp -al "$(scripts/kernel/tree)" "$dir/linux"
	sed -i /privpipe/d "$dir"/linux/drivers/misc/{Kconfig,Makefile}
	rm "$dir"/linux/drivers/misc/privpipe*
	ln -s "$PWD" "$tmp/privpipe"
	commands README.md | sed -n '/^ln -s .* drivers/,/^make .* drivers/p' >"$tmp/commands"

	in_linux=(env -C "$dir/linux" PATH="/usr/lib/ccache:$PATH" HOME="$tmp" ARCH=um MAKEFLAGS="-j$(nproc)")
	works "${in_linux[@]}" make O=../out defconfig
	works "${in_linux[@]}" bash -e "$tmp/commands"
	[ -s "$dir/out/drivers/misc/privpipe/module/ring.o" ] || fail "nothing was built: $(cat "$tmp/said")"
	[ -z "$(find module -name '*.o')" ] || fail "objects among the sources"
}
