# SPDX-License-Identifier: Apache-2.0
# N hosts on one wire start at once, and each pings every other from the moment that its daemon is up. All
# pairs come up, and come to rest with exactly one CHILD_SA: in each direction there is one SA that sends
# on the one host and one that receives on the other, of the same SPI, and statusall says the same.
# The case: N, or N-third, where every third host is strongSwan. Of two strongSwans it is only reported
# what becomes of them. With 30 hosts and more it is done ten times (LAB_MESH_RUNS=1: once).
# cases: 8 9-third
# long: 32 32-third
# alone
# timeout: 1500
IFS=- read -r N third <<<"$1"
RUNS=${LAB_MESH_RUNS:-$([ "$N" -lt 30 ] && echo 1 || echo 10)}
ca ca
cert instance ca
configure all ipsec_subnets=10.1.0.0/16
all=() swans=()
for ((i = 1; i <= N; i++)); do
	kind=ikemesh
	[ -z "$third" ] || [ $((i % 3)) != 0 ] || kind=strongswan
	host "h$i" $kind "10.1.0.$i/16"
	all+=("h$i")
	[ $kind = ikemesh ] || swans+=("$i")
	"_prepare_${KIND[h$i]}" "h$i"
done

# The pairs that the demand is for have an ikemesh end; what strongSwans do between themselves is theirs.
for ((i = 1; i <= N; i++)); do
	for ((j = 1; j <= N; j++)); do
		[ $i = $j ] || case " ${swans[*]-} " in
		*" $i "*" $j "* | *" $j "*" $i "*) echo "h$i 10.1.0.$j 0 $SCRATCH/h$i/ready" >&3 ;;
		*) echo "h$i 10.1.0.$j 0 $SCRATCH/h$i/ready" ;;
		esac
	done
done >"$SCRATCH/streams" 3>"$SCRATCH/streams-swan"
STREAMS=$(wc -l <"$SCRATCH/streams")

launch() { # all daemons at once; a host's pings begin when its policies stand
	local h waiting=("${all[@]}") still
	for h in "${all[@]}"; do "_start_${KIND[$h]}" "$h"; done
	now
	local end=$((NOW + 60000))
	while [ ${#waiting[@]} -gt 0 ]; do
		still=()
		for h in "${waiting[@]}"; do
			case ${KIND[$h]} in
			ikemesh) [ -S "$SCRATCH/$h/run/control.sock" ] ;;
			strongswan) [[ $(<"$SCRATCH/$h/log") == *"received stroke: route "* ]] && _routed "$h" 1 ;;
			esac && : >"$SCRATCH/$h/ready" || still+=("$h")
		done
		waiting=("${still[@]}")
		now
		[ "$NOW" -lt $end ] || fail "not ready: ${waiting[*]}"
		nap 0.1
	done
}
land() { # all gone, as if they had never been
	local h
	for h in "${all[@]}"; do
		[ "${KIND[$h]}" != strongswan ] || kill -KILL "$(<"$SCRATCH/$h/run/charon.pid")"
		kill -KILL "${PID[$h]}"
	done
	for h in "${all[@]}"; do _gone "$h" || fail "$h is not dead"; done
	for h in "${all[@]}"; do
		printf 'xfrm state flush\nxfrm policy flush\n' | ip -n "$h" -batch -
		rm -rf "$SCRATCH/$h/run" "$SCRATCH/$h/ready"
		mkdir "$SCRATCH/$h/run"
		mv "$SCRATCH/$h/log" "$SCRATCH/$h/log-$run"
	done
}

# What the hosts say, and what their kernels hold, judged: says what is not as it should be at each pair,
# then "total" with the numbers of pairs with ikemesh that are right, missing and doubled, and the same
# of pairs of two strongSwans.
judge() {
	local h
	for h in "${all[@]}"; do
		echo "kernel $h"
		ip -n "$h" xfrm state list
		[ "${KIND[$h]}" = ikemesh ] || continue
		echo "daemon $h"
		"$BIN/ikectl" --run-dir "$SCRATCH/$h/run" statusall --json
	done >"$SCRATCH/seen"
	awk -v n="$N" -v swans=" ${swans[*]-} " -v ikemesh="$([ "${KIND[h1]}" = ikemesh ] && echo 1)" '
		/^kernel / { i = substr($2, 2); next }
		/^daemon / { i = substr($2, 2); next }
		/^src / { split($2, a, "."); split($4, b, "."); from = a[4]; to = b[4]; next }
		/^\tproto esp spi / { spi = $4; next }
		/^\taead / { # keys: it is more than a larval one
			held[i, from, to]++
			spis[i, from, to] = spis[i, from, to] " " spi
			next
		}
		# ikectl indents by two: pairs at 4, IKE SAs at 8, CHILD_SAs at 12.
		/^      "remote": / { gsub(/[",]/, "", $2); split($2, a, "."); peer = a[4]; next }
		/^          "state": "ESTABLISHED"/ { ikes[i, peer]++; next }
		/^              "state": "INSTALLED"/ { children[i, peer]++; next }
		function swan(x) { return index(swans, " " x " ") > 0 }
		function one_way(i, j) { # the SAs from i to j
			if (!held[i, i, j] || !held[j, i, j]) return "none"
			if (held[i, i, j] > 1 || held[j, i, j] > 1) return "double"
			return spis[i, i, j] == spis[j, i, j] ? "" : "none"
		}
		function told(i, j) { # what the daemon of i says of j
			if (!ikemesh || swan(i)) return ""
			if (!children[i, j] || !ikes[i, j]) return "none"
			return children[i, j] > 1 || ikes[i, j] > 1 ? "double" : ""
		}
		END {
			for (i = 1; i <= n; i++) for (j = i + 1; j <= n; j++) {
				all = one_way(i, j) " " one_way(j, i) " " told(i, j) " " told(j, i)
				how = all ~ /none/ ? "none" : all ~ /double/ ? "double" : "right"
				count[swan(i) && swan(j), how]++
				if (how != "right") {
					printf "h%d h%d%s %s: sent on%s, received on%s; back: sent on%s, received on%s", i, j,
						swan(i) && swan(j) ? " (both strongSwan)" : "", how,
						spis[i, i, j], spis[j, i, j], spis[j, j, i], spis[i, j, i]
					printf "; h%d says %d IKE SAs, %d CHILD_SAs; h%d says %d, %d\n", i, ikes[i, j], children[i, j],
						j, ikes[j, i], children[j, i]
				}
			}
			print "total", count[0, "right"] + 0, count[0, "none"] + 0, count[0, "double"] + 0,
				count[1, "right"] + 0, count[1, "none"] + 0, count[1, "double"] + 0
		}' "$SCRATCH/seen" >"$SCRATCH/judged"
	read -r _ RIGHT NONE DOUBLE SWAN_RIGHT SWAN_NONE SWAN_DOUBLE < <(tail -n 1 "$SCRATCH/judged")
}

PAIRS=$((N * (N - 1) / 2 - ${#swans[@]} * (${#swans[@]} - 1) / 2))
for ((run = 1; run <= RUNS; run++)); do
	now
	began=$NOW
	"$FAN" -a -c 120 <"$SCRATCH/streams" >"$SCRATCH/fan" &
	fan=$!
	"$FAN" -c 120 <"$SCRATCH/streams-swan" >"$SCRATCH/fan-swan" &
	fan_swan=$!
	launch
	now
	ready=$((NOW - began))
	wait $fan
	read -r up first < <(awk '$4 > 0 { n++; if ($5 > last) last = $5 } END { print n + 0, last + 0 }' "$SCRATCH/fan")
	say "run $run: all daemons up after $ready ms, $up of $STREAMS streams answered, the last at $first ms"
	[ "$up" = "$STREAMS" ] || {
		judge
		cat "$SCRATCH/judged"
		fail "run $run: no answer in 120 s: $(awk '$4 == 0 { print $1 " from " $2 }' "$SCRATCH/fan" | head -n 5 | paste -s -d ,)"
	}
	# At rest: what a collision has left over goes when the survivor has carried packets.
	end=$((NOW + 60000))
	while judge && now && [ "$RIGHT" != $PAIRS ]; do
		[ "$NOW" -lt $end ] || {
			cat "$SCRATCH/judged"
			fail "run $run: a minute later $NONE pairs have no CHILD_SA, $DOUBLE more than one"
		}
		say "run $run: $RIGHT of $PAIRS pairs right, $NONE without, $DOUBLE with more than one"
		nap 2
	done
	now
	rest=$((NOW - began))
	kill -TERM $fan_swan 2>/dev/null || true # without streams it has ended
	wait $fan_swan || true
	swan_dead=$(awk '$3 > 0 && $4 == 0' "$SCRATCH/fan-swan" | wc -l)
	"$FAN" -c 3 -i 300 -w 3000 <"$SCRATCH/streams" >"$SCRATCH/fan"
	lost=$(awk '{ n += $3 - $4 } END { print n + 0 }' "$SCRATCH/fan")
	[ "$lost" = 0 ] || fail "run $run: $lost pings lost at rest: $(awk '$6 != "-"' "$SCRATCH/fan" | head -n 5 | paste -s -d ,)"
	judge
	[ "$RIGHT" = $PAIRS ] || { cat "$SCRATCH/judged" && fail "run $run: it did not stay so"; }
	expect_alive "${all[@]}"
	report "run $run: $PAIRS of $PAIRS pairs up, each with one CHILD_SA; daemons up after $ready ms, the last pair after $first ms, at rest after $rest ms at most$(
		[ ${#swans[@]} -lt 2 ] || echo "; strongSwan with strongSwan: $SWAN_RIGHT right, $SWAN_NONE without, $SWAN_DOUBLE doubled, $swan_dead directions never answered"
	)"
	[ $run = "$RUNS" ] || land
done
