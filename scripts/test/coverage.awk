# Of what gcov -t says: a table, per file of module/, of the lines that can run and how many of
# them did; then the lines that never did, with the reason from the file `reasons`. Fails below 95 %.
function trim(s) { gsub(/^[ \t]+|[ \t]+$/, "", s); return s }
BEGIN { while ((getline line < reasons) > 0) if (line !~ /^#/) {
	split(line, part, /\t+/); why[part[1]] = part[2] } }
$2 + 0 == 0 { if ($3 == "Source") { file = $4; ours = sub(".*/privpipe/module/", "", file) } next }
ours && $1 !~ /-$/ { key = file ":" $2 + 0
	if (!(key in ran)) { ran[key] = 0; order[++n] = key; of[key] = file
		text[key] = trim(substr($0, length($1 $2) + 3)); at[key] = $2 + 0 }
	if ($1 !~ /#|=/) ran[key] = 1 }
END {
	for (i = 1; i <= n; i++) { lines[of[order[i]]]++; hit[of[order[i]]] += ran[order[i]] }
	print "| file | lines | run | % |\n|---|---:|---:|---:|"
	for (file in lines) { printf "| %s | %d | %d | %.1f |\n", file, lines[file], hit[file],
		100 * hit[file] / lines[file] | "sort"; all += lines[file]; some += hit[file] }
	close("sort")
	printf "| all | %d | %d | %.1f |\n\nNever run:\n\n", all, some, 100 * some / all
	for (i = 1; i <= n; i++) if (!ran[order[i]]) {
		reason = "?"
		for (w in why) if (index(of[order[i]] ": " text[order[i]], w) == 1) reason = why[w]
		printf "- %s:%d: `%s` %s\n", of[order[i]], at[order[i]], text[order[i]], reason }
	exit some < 0.95 * all
}
