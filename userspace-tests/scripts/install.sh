# shellcheck shell=bash
# shellcheck disable=SC2154 # tmp comes from run
# make install and make uninstall, into directories of the tests'.

headers() {
	scripts/deps/fetch-headers "$(scripts/deps/find-kernel newest)"
}

# install_into DIR [SETTING...]: with modules for Debian's newest kernel, unless a setting differs.
install_into() {
	works env KDIR="$(headers)" DESTDIR="$1" "${@:2}" scripts/install
}

# fake_headers DIR RELEASE: no more than their name.
fake_headers() {
	mkdir -p "$1/include/config"
	echo "$2" >"$1/include/config/kernel.release"
}

listed() {
	grep -qxF "$1" "$tmp/root/usr/local/share/privpipe/installed"
}

test_uninstall_leaves_nothing() {
	mkdir -p "$tmp/root/usr/local/bin" "$tmp/root/lib/modules"
	tree "$tmp/root" >"$tmp/before"
	install_into "$tmp/root"
	release=$(basename "$tmp"/root/lib/modules/*)
	[ -e "$tmp/root/lib/modules/$release/updates/privpipe.ko" ] || fail "no privpipe.ko"
	[ -e "$tmp/root/lib/modules/$release/updates/privpipe_harden.ko" ] || fail "no privpipe_harden.ko"
	[ -x "$tmp/root/usr/local/bin/privpipe" ] || fail "no command"
	DESTDIR=$tmp/root works scripts/uninstall
	tree "$tmp/root" | diff "$tmp/before" - || fail "something is left"
}

test_uninstall_removes_modules_of_older_kernels() {
	install_into "$tmp/root"
	release=$(basename "$tmp"/root/lib/modules/*)
	mv "$tmp/root/lib/modules/$release" "$tmp/root/lib/modules/6.12.1-old"
	sed -i "s,/lib/modules/$release/,/lib/modules/6.12.1-old/," "$tmp/root/usr/local/share/privpipe/installed"
	install_into "$tmp/root"
	DESTDIR=$tmp/root works scripts/uninstall
	tree "$tmp/root" >"$tmp/left"
	[ "$(wc -l <"$tmp/left")" = 1 ] || fail "left: $(cat "$tmp/left")"
}

test_uninstall_works_when_the_kernel_is_gone() {
	install_into "$tmp/root"
	rm -r "$tmp/root/lib/modules"
	DESTDIR=$tmp/root works scripts/uninstall
	[ "$(tree "$tmp/root" | wc -l)" = 1 ] || fail "something is left"
	DESTDIR=$tmp/root fails scripts/uninstall
	says "nothing is installed"
}

test_depmod_knows_the_modules_while_they_are_there() {
	release=$(scripts/deps/find-kernel newest)
	deps=$tmp/root/lib/modules/$release/modules.dep
	mkdir -p "$tmp/root/lib/modules/$release/kernel"
	install_into "$tmp/root"
	grep -q updates/privpipe.ko "$deps" || fail "depmod did not run"
	DESTDIR=$tmp/root works scripts/uninstall
	! grep privpipe "$deps" || fail "depmod did not run again"
}

test_uninstall_disables_the_unit() {
	install_into "$tmp/root"
	etc=$tmp/root/etc/systemd/system
	mkdir -p "$etc/sysinit.target.wants" "$etc/other.target.wants"
	ln -s /usr/local/lib/systemd/system/privpipe-harden.service "$etc/sysinit.target.wants"
	ln -s /usr/lib/systemd/system/other.service "$etc/other.target.wants"
	DESTDIR=$tmp/root works scripts/uninstall
	[ ! -e "$etc/sysinit.target.wants" ] || fail "the unit is still wanted"
	[ -L "$etc/other.target.wants/other.service" ] || fail "so is nobody else's"
}

# A full disk or a missing permission: the files copied before can be removed.
test_what_is_there_is_known_when_it_ends_early() {
	mkdir -p "$tmp/root/usr/local/share/man/man4"
	mkdir "$tmp/root/usr/local/share/man/man4/privpipe.4" # where a file has to go
	KDIR=$(headers) DESTDIR=$tmp/root fails scripts/install
	find "$tmp/root/usr" ! -type d -printf '/usr/%P\n' >"$tmp/there"
	[ -s "$tmp/there" ] || fail "nothing was installed"
	while read -r file; do
		listed "$file" || fail "$file is not in the list"
	done < <(grep -v share/privpipe/installed "$tmp/there")
	rmdir "$tmp/root/usr/local/share/man/man4/privpipe.4"
	DESTDIR=$tmp/root works scripts/uninstall
	[ -z "$(find "$tmp/root" -type f)" ] || fail "files are left"
}

# The kernel looks for a signature if the file ends with these words; the bytes before them don't matter here.
test_a_signature_survives() {
	module=$(scripts/build/module)
	cp -p "$module" "$tmp/unsigned.ko"
	trap 'cp -p "$tmp/unsigned.ko" "$module"; rm -rf "$tmp"' EXIT
	printf 'signature~Module signature appended~\n' >>"$module"
	install_into "$tmp/root"
	cmp "$module" "$tmp"/root/lib/modules/*/updates/privpipe.ko || fail "what was signed is not what is there"
	cmp -s "$tmp/unsigned.ko" "$tmp"/root/lib/modules/*/updates/privpipe.ko && fail "it was not signed"
	size=$(stat -c %s "$tmp"/root/lib/modules/*/updates/privpipe_harden.ko)
	[ "$size" -lt "$(stat -c %s "$(scripts/build/module '' harden)")" ] || fail "what is not signed is not stripped"
}

test_an_unsupported_kernel_is_said_and_the_rest_installed() {
	fake_headers "$tmp/kdir" 6.1.0-9-amd64
	KDIR=$tmp/kdir DESTDIR=$tmp/root works scripts/install
	says "6.1.0-9-amd64 is not supported"
	[ -x "$tmp/root/usr/local/bin/privpipe" ] || fail "no command"
	[ ! -e "$tmp/root/lib/modules" ] || fail "modules for which kernel?"
	[ ! -e "$tmp/root/usr/local/lib/modules-load.d/privpipe.conf" ] || fail "a module that isn't there is loaded at boot"
	DESTDIR=$tmp/root works scripts/uninstall
}

test_missing_headers_are_said_and_the_rest_installed() {
	KDIR=$tmp/nowhere DESTDIR=$tmp/root works scripts/install
	says "no kernel headers in $tmp/nowhere"
	[ -x "$tmp/root/usr/local/bin/privpipe" ] || fail "no command"
}

test_a_module_that_does_not_build_is_said_and_the_rest_installed() {
	fake_headers "$tmp/kdir" 6.12.999-broken
	echo 'modules:; @echo no rule for this; false' >"$tmp/kdir/Makefile"
	KDIR=$tmp/kdir DESTDIR=$tmp/root fails scripts/install
	says "privpipe.ko does not build"
	says "not installed: privpipe.ko"
	[ -x "$tmp/root/usr/local/bin/privpipe" ] || fail "no command"
	DESTDIR=$tmp/root works scripts/uninstall
	[ "$(tree "$tmp/root" | wc -l)" = 1 ] || fail "something is left"
}

test_a_prefix_that_the_system_does_not_read_is_said() {
	install_into "$tmp/root" PREFIX=/opt/x
	says "nothing looks for /opt/x/lib/{"
	says "udev/rules.d}"
	install_into "$tmp/usual"
	! grep -q rules.d "$tmp/said" || fail "/usr/local is read"
	DESTDIR=$tmp/root PREFIX=/opt/x works scripts/uninstall
	[ "$(tree "$tmp/root" | wc -l)" = 1 ] || fail "something is left"
}

# Then root installs from the same tree, which goes on being the user's.
test_any_user_installs_below_home() {
	as=()
	[ "$(id -u)" != 0 ] || as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	copy_tree "$tmp/tree"
	mkdir -p "$tmp/home" "$tmp/tree/build"
	fake_headers "$tmp/kdir" 6.12.999-any
	if [ "$(id -u)" = 0 ]; then
		chmod 755 "$tmp"
		chown -R 65534:65534 "$tmp/tree" "$tmp/home"
	fi
	works "${as[@]}" env HOME="$tmp/home" KDIR="$tmp/kdir" PREFIX="$tmp/home/x" "$tmp/tree/scripts/install"
	says "no modules"
	works "$tmp/home/x/bin/privpipe" --version
	[ "$(id -u)" != 0 ] || works env DESTDIR="$tmp/root" "$tmp/tree/scripts/install"
	[ -z "$(find "$tmp/tree" ! -user "$(stat -c %u "$tmp/home")")" ] || fail "root owns files of the tree"
	works "${as[@]}" env HOME="$tmp/home" PREFIX="$tmp/home/x" "$tmp/tree/scripts/uninstall"
	[ ! -e "$tmp/home/x" ] || fail "left: $(tree "$tmp/home/x")"
}

test_a_blank_in_the_path_is_said() {
	mkdir "$tmp/with blank"
	cp -r scripts "$tmp/with blank"
	fails "$tmp/with blank/scripts/build/module"
	says "a blank or a colon in the path"
}

test_the_device_is_for_a_group() {
	install_into "$tmp/root"
	local=$tmp/root/usr/local/lib
	grep -q 'GROUP="privpipe"' "$local/udev/rules.d/60-privpipe.rules" || fail "for whom is the device?"
	grep -q '^g privpipe' "$local/sysusers.d/privpipe.conf" || fail "nobody makes the group"
	if command -v systemd-sysusers >/dev/null; then
		mkdir -p "$tmp/root/etc"
		works systemd-sysusers --root="$tmp/root"
		grep -q ^privpipe: "$tmp/root/etc/group" || fail "systemd-sysusers does not make it"
	fi
}
