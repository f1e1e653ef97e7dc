#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# completion.sh IKECTL - bash and zsh complete what ikectl knows: each command of its table, each option of the
# command's own table, a peer wherever the synopsis has PEER, and no options where a value belongs.
set -u
ikectl=$(realpath "$1") failed=0 n=0
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"$ikectl" --help >"$dir/help" || exit 1
cat >"$dir/ikectl" <<'STUB'
#!/bin/sh
case $1 in
--help) cat "${0%/*}/help" ;;
status) printf 'PEER       STATE\n10.1.0.2   up\n2001:db8::7  up\n' ;;
*) exit 3 ;;
esac
STUB
chmod +x "$dir/ikectl"
PATH=$dir:$PATH

cat >"$dir/zsh" <<'STUB'
# words…: the last one is being typed
compadd() {
	local a
	if [[ $1 = -a ]]; then shift; for a; do print -rl -- ${(P)a}; done
	else [[ $1 = -- ]] && shift; print -rl -- "$@"; fi
}
_files() { print '(files)'; }
_directories() { print '(directories)'; }
words=(ikectl "$@") CURRENT=$(($# + 1))
set --
source dist/zsh-completion/_ikectl
STUB

in_bash() { # WORD…
	# shellcheck source=/dev/null
	(
		. dist/bash-completion/ikectl
		COMP_WORDS=(ikectl "$@")
		COMP_CWORD=$#
		COMPREPLY=()
		_ikectl
		printf '%s\n' "${COMPREPLY[@]}"
	)
}
in_zsh() { zsh -f "$dir/zsh" "$@"; }

wrong() { echo "$*" >&2; failed=1; }
offers() { # WHAT WORD…: among what is offered there
	local what=$1 shell
	shift
	for shell in $shells; do
		n=$((n + 1))
		in_"$shell" "$@" 2>&1 | grep -qxF -- "$what" || wrong "$shell: ikectl $*: $what is not offered"
	done
}
offers_no_option() { # WORD…
	local shell
	for shell in $shells; do
		n=$((n + 1))
		! in_"$shell" "$@" 2>&1 | grep -q -- '^--' || wrong "$shell: ikectl $*: options in place of a value"
	done
}

shells=bash
if command -v zsh >/dev/null; then
	shells="bash zsh"
	zsh -n dist/zsh-completion/_ikectl || failed=1
else
	echo "no zsh here: its completion was not tried"
fi
bash -n dist/bash-completion/ikectl || failed=1

# "COMMAND OPTIONS-TABLE" (or -) of main.c, and "TABLE OPTION has_arg" of all tables.
sed -n '/struct command commands\[\]/,/^};/p' cmd/ikectl/main.c | tr '\n' ' ' |
	grep -oE '\{ \.name = "[^}]*' | sed -E 's/.*\.name = "([a-z-]+)"(.*\.options = ([a-z_]+))?.*/\1 \3/' >"$dir/commands"
cat cmd/ikectl/*.c | tr '\n' ' ' | grep -oE 'struct option [a-z_]+\[\] = \{[^;]*' |
	sed -E 's/struct option ([a-z_]+)\[\] = /\1 /' | while read -r table rest; do
	grep -oE '\{ "[a-z-]+", [a-z]+_argument' <<<"$rest" | sed -E "s/\\{ \"([a-z-]+)\", ([a-z]+)_argument/$table \\1 \\2/"
done >"$dir/options"

while read -r command table; do
	offers "$command" ""
	[ -n "$table" ] || continue
	grep -q "^$table " "$dir/options" || wrong "no options were found in $table"
	while read -r _ option takes; do
		offers "--$option" "$command" --
		[ "$takes" = no ] || offers_no_option "$command" "--$option" ""
	done < <(grep "^$table " "$dir/options")
done <"$dir/commands"
while read -r command; do
	offers 10.1.0.2 "$command" ""
	offers 2001:db8::7 "$command" ""
done < <(sed -nE 's/^  ([a-z-]+) \[?PEER.*/\1/p' "$dir/help")
offers statusall --json ""
offers statusall --color never ""
offers never --color ""
offers enforced mode ""
offers trouble top --sort ""
offers --once top --sort trouble --
offers warning log ike ""
offers status rotate ""
[ "$n" -gt 70 ] || wrong "only $n questions were asked"
echo "$n questions asked of: $shells"
exit $failed
