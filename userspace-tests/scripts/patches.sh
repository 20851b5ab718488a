# shellcheck shell=bash
# shellcheck disable=SC2154 # tmp comes from run
# Patches of our own sources, which must follow every change of those.

# applies PATCH DIR STRIP
applies() {
	patch -s -p"$3" -d "$2" --dry-run <"$1" >"$tmp/said" 2>&1 || fail "$1 does not apply: $(cat "$tmp/said")"
}

test_mutants_apply() {
	for mutant in kunit/mutants/*.patch; do
		applies "$mutant" . 0
	done
}

test_the_mistake_of_prove_harden_applies() {
	applies harden/proof/module-errs.patch harden 1
}
