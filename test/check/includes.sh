#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Arrows point down only: a file may include what its room may see, and foreign libraries stay in the
# rooms that own them. Prints each include that breaks this. First shows on a tree of its own, made
# up for that, that it can find each kind of breach.
set -eu

# ROOM: what its files may include. The longest room that fits a file counts.
visible() {
	case $1 in
	ike/message/*) echo 'crypto/ ike/message/ ike/ip.h ike/spec.h' ;;
	ike/*) echo 'crypto/ ike/' ;;
	crypto/*) echo 'crypto/' ;;
	config/*) echo 'config/ crypto/ ike/ip.h ike/level.h ike/spec.h' ;;
	xfrm/*) echo 'xfrm/ crypto/ ike/ip.h ike/spec.h' ;;
	cmd/*) echo 'cmd/ config/ xfrm/ ike/ crypto/' ;;
	esac
}

# FOREIGN HEADER: the files that may include it, as patterns; any file if it is not named here.
owners() {
	case $1 in
	openssl/*) echo 'crypto/openssl_* crypto/trust.c' ;;
	yaml.h) echo 'config/yaml.c' ;;
	libmnl/*) echo 'xfrm/*' ;;
	*) echo '*' ;;
	esac
}

may_see() { # FILE HEADER
	local prefix
	for prefix in $(visible "$1"); do
		case $2 in "$prefix"*) return 0 ;; esac
	done
	return 1
}

owns() { # FILE HEADER
	local pattern
	set -f
	for pattern in $(owners "$2"); do
		set +f
		case $1 in $pattern) return 0 ;; esac
	done
	set +f
	return 1
}

# Every include of the tree, as "FILE:LINE QUOTE HEADER"; the quote is " or <.
includes() { # ROOT
	(cd "$1" && grep -rnE --include='*.[ch]' '^[[:space:]]*#[[:space:]]*include' \
		crypto ike config xfrm cmd 2>/dev/null || true) |
		sed -nE 's/^([^:]+:[0-9]+):[^"<]*(["<])([^">]+)[">].*/\1 \2 \3/p'
}

breaches() { # ROOT: prints them; their number is the result of the last line alone
	local where quote header
	includes "$1" | while read -r where quote header; do
		if [ "$quote" = '"' ]; then
			may_see "${where%%:*}" "$header" || echo "$where: must not see \"$header\""
		else
			owns "${where%%:*}" "$header" || echo "$where: must not use <$header>"
		fi
	done
}

self_test() {
	local file line
	root=$(mktemp -d)
	trap 'rm -rf "$root" "$root.bad"' EXIT
	mkdir -p "$root"/{crypto,ike/message,ike/exchange,config,xfrm,cmd/ikemeshd}
	while read -r file line; do
		echo "$line" >>"$root/$file"
	done <<-'GOOD'
		crypto/openssl_aead.c #include <openssl/evp.h>
		crypto/trust.c #include <openssl/x509.h>
		ike/message/sealed.c #include "crypto/suite.h"
		ike/engine.c # include "ike/message/message.h"
		config/yaml.c #include <yaml.h>
		xfrm/kernel.c #include <libmnl/libmnl.h>
		cmd/ikemeshd/main.c #include "ike/engine.h"
	GOOD
	[ -z "$(breaches "$root")" ] || { echo "includes.sh: refuses what is allowed"; exit 1; }
	while read -r file line; do
		cp -r "$root" "$root.bad"
		echo "$line" >>"$root.bad/$file"
		[ "$(breaches "$root.bad" | wc -l)" = 1 ] || {
			echo "includes.sh: did not find $line in $file"
			exit 1
		}
		rm -rf "$root.bad"
	done <<-'BAD'
		crypto/suite.c #include "ike/ip.h"
		crypto/suite.c #include <openssl/evp.h>
		crypto/suite.c #include "suite.h"
		ike/message/rules.c #include "ike/engine.h"
		ike/engine.c   #  include "cmd/ikemeshd/loop.h"
		ike/exchange/init.c #include "xfrm/kernel.h"
		ike/engine.c #include <openssl/evp.h>
		ike/engine.c #include <libmnl/libmnl.h>
		config/config.c #include <yaml.h>
		config/config.c #include "ike/engine.h"
		config/config.c #include "xfrm/policy.h"
		xfrm/policy.c #include "config/config.h"
		cmd/ikemeshd/main.c #include <openssl/evp.h>
	BAD
}

self_test
cd "$(dirname "$0")/../.."
found=$(breaches .)
if [ -n "$found" ]; then
	echo "$found"
	exit 1
fi
echo "includes: $(includes . | wc -l) arrows, all pointing down"
