#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# operations.sh BIN_DIR - each command in the sh blocks of docs/operations.md, and each `ikectl …` in its text, is one
# that the programs take. They are run where no daemon is: what needs one ends with 3, and nothing may end with 64.
# What would change this host (disable, and the package's and systemd's tools) is not run: of those ikectl's name is
# looked up, and units must be in dist/.
set -u
bin=$(realpath "$1") doc=$PWD/docs/operations.md root=$PWD failed=0 n=0
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
wrong() { echo "docs/operations.md: $*" && failed=1; }

# A file of the add-on's, for import.
printf '%s\n' 'properties:' '  ipsec:' '    ipsec_subnets:' '    - 10.0.0.0/20' '    instance_certificate: a.pem' \
	'    instance_private_key: a.key' '    ca_certificates:' '    - ca.pem' >ipsec-addon.yml

run_ikectl() { # WORD…
	local code
	n=$((n + 1))
	case $1 in
	disable | release) set -- --help ;;
	import) set -- "${@/#\/etc\/ikemesh/conf}" ;; # not this machine's
	doctor | verify) set -- "${@/10.0.1.6/127.0.0.1}" ;; # a stranger may have that address
	wait) set -- "${@/%[0-9]*s/1s}" ;; # nobody comes
	esac
	timeout 60 "$bin/ikectl" --run-dir "$dir" "$@" >out 2>&1 </dev/null
	code=$?
	case $code in
	64 | 12[4-9] | 13?) wrong "ikectl $*: ends with $code: $(head -n 2 out)" ;;
	esac
	case $1 in
	pki | version) [ $code = 0 ] || wrong "ikectl $*: ends with $code: $(head -n 2 out)" ;;
	import) [[ $* != *addon* || $code = 0 ]] || wrong "ikectl $*: ends with $code: $(head -n 2 out)" ;;
	esac
}

run_line() { # WORD…
	case $1 in
	ikectl) run_ikectl "${@:2}" ;;
	ikemeshd)
		n=$((n + 1))
		[[ " $* " == *" --check "* ]] || wrong "$*: only --check is run here"
		"$bin/ikemeshd" "${@:2}" >out 2>&1
		[ $? != 64 ] || wrong "$*: $(head -n 2 out)"
		;;
	systemctl)
		n=$((n + 1))
		[ "${*: -1}" = strongswan-starter ] || [ -e "$root/dist/${*: -1}.service" ] || [ -e "$root/dist/${*: -1}" ] || wrong "$*: there is no such unit"
		;;
	apt-get) [[ $* == *ikemesh* ]] || wrong "$*: of which package?" ;;
	*) wrong "$1 is no command of ours" ;;
	esac
}

while read -ra words; do
	[ ${#words[@]} -gt 0 ] || continue
	run_line "${words[@]}"
done < <(awk '/^```sh$/ { on = 1; next } /^```/ { on = 0 } on' "$doc")

# In the text: `ikectl mode file`. A name alone, `ikectl mode`, is looked up.
"$bin/ikectl" --help | sed -nE 's/^  ([a-z][a-z-]*).*/\1/p' >names
while read -ra words; do
	grep -qx -- "${words[1]}" names || wrong "\`${words[*]}\`: there is no such command"
	[ ${#words[@]} = 2 ] || run_line "${words[@]}"
done < <(grep -oE '`ikectl [^`]+`' "$doc" | tr -d '`' | sort -u)

[ "$n" -gt 45 ] || wrong "only $n commands were found"
echo "$n commands"
exit $failed
