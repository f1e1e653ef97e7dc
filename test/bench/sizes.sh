#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# sizes.sh BIN - the programs and all that they load, in KiB, as JSON: ikemesh's in BIN, strongSwan's as Debian
# has it with the plug-ins that the bench gives it. Programs are taken without what is for debuggers.
set -eu
bin=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

kib() { stat -Lc %s "$@" | awk '{ n += $1 } END { printf "%.0f", n / 1024 }'; }
stripped() {
	local f
	for f in "$@"; do strip -o "$dir/${f##*/}" "$f"; done
	kib "$dir"/*
	rm -f "$dir"/*
}
# libraries OWN FILE…: what they load that is not below OWN
libraries() {
	local own=$1
	shift
	ldd "$@" | sed -nE 's/.* => (\/[^ ]+) .*/\1/p' | sort -u | { grep -v "$own" || true; }
}
report() { # NAME PROGRAMS OWN LIBRARIES
	printf '"%s": {"programs": %s, "own": %s, "libraries": %s, "n_libraries": %s}' "$1" "$2" "$3" \
		"$(kib $4)" "$(wc -w <<<"$4")"
}

ours=("$bin/ikemeshd" "$bin/ikectl")
theirs=(/usr/lib/ipsec/charon /usr/lib/ipsec/starter /usr/lib/ipsec/stroke)
plugins=()
for p in openssl kdf nonce random drbg pem pkcs1 pkcs8 x509 pubkey revocation constraints kernel-netlink socket-default stroke updown counters; do
	[ ! -e "/usr/lib/ipsec/plugins/libstrongswan-$p.so" ] || plugins+=("/usr/lib/ipsec/plugins/libstrongswan-$p.so")
done
own=$(ldd "${theirs[@]}" "${plugins[@]}" | sed -nE 's/.* => (\/usr\/lib\/ipsec\/[^ ]+) .*/\1/p' | sort -u)
printf '{%s,\n%s}\n' \
	"$(report ikemesh "$(stripped "${ours[@]}")" 0 "$(libraries /usr/lib/ipsec "${ours[@]}")")" \
	"$(report strongswan "$(kib "${theirs[@]}")" "$(kib $own "${plugins[@]}")" "$(libraries /usr/lib/ipsec "${theirs[@]}" "${plugins[@]}")")"
