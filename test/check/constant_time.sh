#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What is compared with a secret is compared in constant time (secret_equal): where a MAC, a cookie or a
# token is judged no other comparison stands at all, and nowhere is memcmp() or bytes_equal()
# given something that is called a key, a secret, a MAC or a token. (Signatures are checked with public
# numbers alone.) First shows on files made up for that, that it can find each kind of breach.
set -eu

# Here each kind of secret is judged: the files, and those that must hold a secret_equal().
JUDGES="ike/cookie.c ike/qcd.c ike/message/sealed.c ike/keymat.c ike/auth.c ike/intauth.c crypto/secret.c
	crypto/prf_plus.c crypto/openssl_prf.c crypto/openssl_aead.c crypto/openssl_ke.c crypto/openssl_kem.c
	cmd/ikemeshd/sealing.c"
MUST="ike/cookie.c ike/qcd.c ike/message/sealed.c"
PLAIN='\b(memcmp|bcmp|bytes_equal)\('
SECRET='\b(sk_[a-z]+|icv|mac|cookie|token|secret|shared|skeyseed|psk|private|key)\b(?!(->|\.)id)'

breaches() { # ROOT FILE…
	local root=$1 file
	shift
	for file in "$@"; do
		case " $(echo $JUDGES) " in
		*" $file "*) grep -nE "$PLAIN" "$root/$file" | sed "s|^|$file:|" || true ;;
		*) grep -nP "$PLAIN[^;]*$SECRET" "$root/$file" | sed "s|^|$file:|" || true ;;
		esac
	done
}

self_test() {
	dir=$(mktemp -d)
	trap 'rm -rf "$dir"' EXIT
	mkdir -p "$dir/ike" "$dir/config"
	echo 'return memcmp(a, b, n) == 0;' >"$dir/ike/cookie.c"
	echo 'if (bytes_equal(given, secret_view(&sa->keys.sk_d)))' >"$dir/ike/sa.c"
	echo 'return !memcmp(icv, wanted, n);' >"$dir/ike/x.c"
	echo 'return bytes_equal(node->name, label);' >"$dir/config/y.c"
	[ "$(breaches "$dir" ike/cookie.c ike/sa.c ike/x.c config/y.c | cut -d: -f1 | tr '\n' ' ')" = \
		"ike/cookie.c ike/sa.c ike/x.c " ] || { echo "constant_time.sh does not see what it should"; exit 1; }
	rm -rf "$dir"
	trap - EXIT
}

self_test
rc=0
# What is no secret, though it is called a key.
ALLOWED='^crypto/openssl_known\.c:' # a hash of certificates
found=$(breaches . $(find crypto ike xfrm cmd/ikemeshd config/ppk.c config/lift.c -name '*.c') | grep -vE "$ALLOWED" || true)
[ -z "$found" ] || { echo "compared as if it were no secret:"; echo "$found"; rc=1; }
for file in $MUST; do
	grep -q 'secret_equal(' "$file" || { echo "$file: judges without secret_equal()"; rc=1; }
done
for file in $JUDGES; do
	[ -e "$file" ] || { echo "$file: is not there"; rc=1; }
done
[ $rc != 0 ] || echo "constant time: $(echo $JUDGES | wc -w) files judge secrets, none by a plain comparison"
exit $rc
