#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the keyholder reads of the configuration reaches the engine field by field
# (cmd/ikemeshd/config_wire.c): each member of the structs that it consists of is named there, or
# below with the reason why not. First shows on a header made up for that, that it can find one.
set -eu

WIRE=cmd/ikemeshd/config_wire.c

# STRUCT HEADER [MEMBER that stays behind]...
structs() {
	cat <<-'END'
		config config/config.h key ppk
		problem config/config.h
		problems config/config.h
		crl_file config/crl_file.h seen as
		spec ike/spec.h
		subnet_spec ike/spec.h
		proposal_spec ike/spec.h
		transform ike/spec.h
		credential_spec ike/spec.h
		ca_spec ike/spec.h
		trust_rules crypto/trust.h
	END
}

members() { # STRUCT HEADER
	sed -E 's@/\*.*\*/@@; s@/\*.*@@; /^[[:space:]]*\*/d' "$2" |
		awk -v start="struct $1 {" '
			$0 == start { inside = 1; next }
			inside && /^}/ { exit }
			inside && /;/ { sub(/(\[.*)?;.*/, ""); sub(/.*[ *\t]/, ""); print }'
}

missing() { # WIRE STRUCT HEADER [MEMBER]...
	local wire=$1 struct=$2 header=$3 member
	shift 3
	for member in $(members "$struct" "$header"); do
		case " $* " in *" $member "*) continue ;; esac
		grep -qE "(->|\.)$member\b" "$wire" || echo "$wire: nothing of struct $struct's $member"
	done
}

self_test() {
	local dir found
	dir=$(mktemp -d)
	printf 'struct made_up {\n\tint named; /* this; and that\n\t\t      */\n\tchar *kept, *x[2];\n\tbool forgotten;\n};\n' >"$dir/h"
	printf 'a->named; a->x;\n' >"$dir/c"
	found=$(missing "$dir/c" made_up "$dir/h" kept)
	rm -r "$dir"
	[ "$found" = "$dir/c: nothing of struct made_up's forgotten" ] || { echo "wire.sh: found $found"; exit 1; }
}

self_test
cd "$(dirname "$0")/../.."
all=0
found=$(while read -r line; do missing "$WIRE" $line; done < <(structs))
while read -r struct header _; do
	n=$(members "$struct" "$header" | wc -l)
	[ "$n" -gt 1 ] || { echo "wire.sh: struct $struct is not in $header"; exit 1; }
	all=$((all + n))
done < <(structs)
if [ -n "$found" ]; then
	echo "$found"
	exit 1
fi
echo "wire: $all members, and none is forgotten"
