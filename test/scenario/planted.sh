#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# planted.sh BUILD [NAME…]: for each bug below, changes a copy of ike/, links the simulator of BUILD
# with it, and shows the first seed that finds it. Fails if one is not found in a minute.
set -eu
build=$(realpath "$1")
shift
cd "$(dirname "$0")/../.."
out=$build/planted
limit=60 # seconds

# NAME|WHO HAS IT: all, or the hosts of odd number|SCENARIO with options|FILE|SED|WHAT IT IS
# A rule that both sides compute wrongly alike does no harm between them: hence the mixed fleet.
bugs='
nonce|odd|rekey|ike/collide.c|s/lowest(ours), lowest(theirs)) < 0/lowest(ours), lowest(theirs)) > 0/|the nonce rule reversed
survivor|all|cold --hosts 30|ike/survivor.c|/^void survivor_choose/,/^}/s/if (theirs == NULL)/if (1)/|the survivor rule off
undeleted|all|rekey|ike/sa.c|s/if (c->want_delete) {/if (c->want_delete \&\& c->state != CHILD_REKEYED) {/|a child that was replaced is not deleted
left|all|rekey|ike/child.c|/^void child_remove/,/^}/s/if (c->in_added) {/if (c->in_added \&\& !c->lingers) {/|its inbound SA stays in the kernel
'

plant() { # NAME FILE SED: the changed tree in $out/NAME
	rm -rf "${out:?}/$1"
	mkdir -p "$out/$1"
	cp -r ike crypto "$out/$1"
	sed -i "$3" "$out/$1/$2"
	if cmp -s "$2" "$out/$1/$2"; then
		echo "planted.sh: $1: nothing in $2 to change" >&2
		exit 2
	fi
}

milliseconds() { echo $(($(date +%s%N) / 1000000)); }

hunt() { # NAME SCENARIO WHAT
	local began seed line
	began=$(milliseconds)
	for ((seed = 1; $(milliseconds) - began < limit * 1000; seed++)); do
		if ! "$out/$1/sim" --scenario $2 --seed "$seed" --traces "$out/$1" >"$out/$1/found" 2>&1; then
			line=$(sed -n 's/^  seed [0-9]*: //p' "$out/$1/found" | head -n 1)
			printf '%-10s %s: found by %s with seed %d after %d.%01d s: %s\n' "$1" "$3" "$2" "$seed" \
				$((($(milliseconds) - began) / 1000)) $((($(milliseconds) - began) / 100 % 10)) "$line"
			return
		fi
	done
	echo "$1 ($3): NOT FOUND by $2 in $((seed - 1)) seeds, $limit s"
	return 1
}

missed=0
while IFS='|' read -r name who scenario file change what; do
	[ -n "$name" ] || continue
	[ $# = 0 ] || [[ " $* " == *" $name "* ]] || continue
	plant "$name" "$file" "$change"
	MIX=$([ "$who" = odd ] && echo yes || echo no) test/scenario/other_core.sh "$out/$name" "$build" "$out/$name/sim"
	hunt "$name" "$scenario" "$what" || missed=1
done <<<"$bugs"
exit $missed
