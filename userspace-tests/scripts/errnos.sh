# shellcheck shell=bash
# shellcheck disable=SC2016 # awk expands what is quoted
# The UAPI header, privpipe(4) and the C header list the same errnos for each command.

uapi=module/uapi/linux/privpipe.h
page=docs/man/privpipe.4
library=lib/include/privpipe/privpipe.h
commands=(create splice vmsplice tee sendfile resize query arena)

# in_uapi START: the errnos that the comment with START in it lists as "- EINVAL: ..."
in_uapi() {
	awk -v start="$1" 'index($0, start) { on = 1 } /\*\// { on = 0 } on' $uapi |
		sed -n 's/^ \*  - \(E[A-Z0-9]*\):.*/\1/p' | sort
}

uapi_of() { # COMMAND: its own; or those of uring_cmd
	in_uapi "struct privpipe_$1 - "
}

uapi_of_all() { # that every command can return
	in_uapi "Errors that every ioctl can return"
}

page_of() { # COMMAND: its own, or those of io_uring: from the line after "Errors of its own:"
	awk -v start=".Ss PRIVPIPE_${1^^}" '/^\.S[sh] / { on = $0 == start } on' \
		<(sed 's/^\.Ss io_uring$/.Ss PRIVPIPE_URING_CMD/' $page) |
		sed -n '/^Errors of its own:$/ { n; p; }' | grep -oE '\bE[A-Z0-9]{3,}' | sort
}

page_list() { # FIRST LAST: those that the list between these lines explains
	sed -n "/^$1/,/^$2/ s/^\.It Bq Er //p" $page | sort
}

library_of() { # COMMAND: those in the comment above its function
	awk -v name="privpipe_$1(" '/^\/\*\*/ { text = "" } { text = text "\n" $0 }
		/^static inline/ && index($0, name) { print text }' $library |
		sed -n '/@return/,/\*\//p' | grep -oE '\bE[A-Z0-9]{3,}' | sort -u
}

# same WHAT ONE OTHER: fail when these lists of errnos differ.
same() {
	[ -n "$2$3" ] || fail "no errnos found for $1"
	difference=$(comm -3 <(echo "$2") <(echo "$3") | xargs)
	[ -z "$difference" ] || fail "$1 disagree: only one of them has $difference"
}

test_the_manual_lists_the_errnos_of_the_uapi_header() {
	for command in "${commands[@]}" uring_cmd; do
		[ "$command" = query ] || # has none of its own
			same "$uapi and $page about PRIVPIPE_${command^^}" "$(uapi_of "$command")" "$(page_of "$command")"
	done
	[ -z "$(uapi_of query)$(page_of query)" ] || fail "PRIVPIPE_QUERY has errnos of its own"
	same "$uapi and $page about all commands" "$(uapi_of_all)" \
		"$(page_list 'Every command can fail with' 'The errors listed')"
}

test_the_manual_explains_the_errnos_that_it_lists() {
	same "the lists of the commands and the explanations in $page" \
		"$(for command in "${commands[@]}" uring_cmd; do page_of "$command"; done | sort -u)" \
		"$(page_list 'The errors listed' '\.Sh SEE ALSO')"
}

# The library's header may leave out those that every command can return.
test_the_c_header_lists_the_errnos_of_the_uapi_header() {
	all=$(uapi_of_all)
	for command in "${commands[@]}"; do
		same "$uapi and $library about PRIVPIPE_${command^^}" \
			"$({ uapi_of "$command"; echo "$all"; } | sort -u)" \
			"$({ library_of "$command"; echo "$all"; } | sort -u)"
	done
}
