# SPDX-License-Identifier: Apache-2.0
# N hosts on one wire start at once, and each pings every other from the moment that its daemon is up. All
# pairs come up, and come to rest with exactly one CHILD_SA: in each direction there is one SA that sends
# on the one host and one that receives on the other, of the same SPI, and statusall says the same.
# The case: N, or N-third, where every third host is strongSwan. Of two strongSwans it is only reported
# what becomes of them. With 30 hosts and more it is done ten times (LAB_MESH_RUNS=1: once).
# cases: 8 9-third
# long: 32 32-third
# timeout: 1500
# takes: 25
IFS=- read -r N third <<<"$1"
RUNS=${LAB_MESH_RUNS:-$([ "$N" -lt 30 ] && echo 1 || echo 10)}
ca ca
cert instance ca
configure all ipsec_subnets=10.1.0.0/16
all=() swans=0
for ((i = 1; i <= N; i++)); do
	kind=ikemesh
	[ -z "$third" ] || [ $((i % 3)) != 0 ] || kind=strongswan
	host "h$i" $kind "10.1.0.$i/16"
	all+=("h$i")
	[ $kind = ikemesh ] || swans=$((swans + 1))
	"_prepare_${KIND[h$i]}" "h$i"
done

acquaint "${all[@]}"

# The pairs that the demand is for have an ikemesh end; what strongSwans do between themselves is theirs.
class=([1]=ours [3]=theirs)
for ((i = 1; i <= N; i++)); do
	for ((j = 1; j <= N; j++)); do
		[ $i != $j ] || continue
		out=1
		[ -z "$third" ] || [ $((i % 3 + j % 3)) != 0 ] || out=3
		echo "h$i 10.1.0.$j 0 $SCRATCH/h$i/ready" >&$out
		[ $i -gt $j ] || echo "pair ${class[out]} h$i 10.1.0.$i h$j 10.1.0.$j" >&4
	done
done >"$SCRATCH/streams" 3>"$SCRATCH/streams-swan" 4>"$SCRATCH/pairs"
PAIRS=$(grep -c '^pair ours' "$SCRATCH/pairs")
STREAMS=$(wc -l <"$SCRATCH/streams")
# At rest a ping each ms: a thousand in one moment are more than a kernel with one CPU queues.
awk '{ print $1, $2, NR }' "$SCRATCH/streams" >"$SCRATCH/streams-rest"

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
		judge "${all[@]}"
		cat "$SCRATCH/judged"
		fail "run $run: no answer in 120 s: $(awk '$4 == 0 { print $1 " from " $2 }' "$SCRATCH/fan" | head -n 5 | paste -s -d ,)"
	}
	# At rest: what a collision has left over goes when the survivor has carried packets.
	end=$((NOW + 60000))
	while judge "${all[@]}" && judged ours && now && [ "$RIGHT" != "$PAIRS" ]; do
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
	"$FAN" -c 3 -i 1500 -w 3000 <"$SCRATCH/streams-rest" >"$SCRATCH/fan"
	lost=$(awk '{ n += $3 - $4 } END { print n + 0 }' "$SCRATCH/fan")
	[ "$lost" = 0 ] || fail "run $run: $lost pings lost at rest: $(awk '$6 != "-"' "$SCRATCH/fan" | head -n 5 | paste -s -d ,)"
	judge "${all[@]}"
	judged ours
	[ "$RIGHT" = "$PAIRS" ] || { cat "$SCRATCH/judged" && fail "run $run: it did not stay so"; }
	expect_alive "${all[@]}"
	judged theirs
	report "run $run: $PAIRS of $PAIRS pairs up, each with one CHILD_SA; daemons up after $ready ms, the last pair after $first ms, at rest after $rest ms at most$(
		[ $swans -lt 2 ] || echo "; strongSwan with strongSwan: $RIGHT right, $NONE without, $DOUBLE doubled, $swan_dead directions never answered"
	)"
	[ $run = "$RUNS" ] || land
done
