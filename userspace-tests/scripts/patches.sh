# shellcheck shell=bash
# shellcheck disable=SC2154 # tmp and status come from run
# Patches that plant mistakes must follow the code: a changed comment is enough to break one.

# applies DIR LEVEL PATCH
applies() {
	try patch -s -f --dry-run -d "$1" "-p$2" -i "$PWD/$3"
	[ "$status" = 0 ] || fail "$3 does not apply: $(cat "$tmp/said")"
}

test_every_mutant_applies() {
	for patch in kunit/mutants/*.patch; do
		applies . 0 "$patch"
	done
}

test_the_mistake_in_the_livepatch_applies() {
	applies module/harden 1 module/harden/proof/module-errs.patch
}
