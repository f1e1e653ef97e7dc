# SPDX-License-Identifier: Apache-2.0
# Six hosts that talk in the clear are converted host by host, under pings and TCP connections between all of
# them: optional, enforced, and the way back: optional, removed. No packet is lost and no connection broken,
# while all are enforced nothing is in the clear, and at the end nothing of ours is left on any host.
# timeout: 300
# takes: 60
[ "${LAB_IKEMESH:-ikemesh}" = ikemesh ] || skip "this is about ikemesh"
N=6
ca ca
cert instance ca
configure all ipsec_subnets=10.1.0.0/16 optional=true
all=()
for ((i = 1; i <= N; i++)); do
	host "h$i" ikemesh "10.1.0.$i/16"
	all+=("h$i")
done
acquaint "${all[@]}"
sysctls() { on "$1" sh -c 'grep -H . /proc/sys/net/core/xfrm_*'; }
for h in "${all[@]}"; do sysctls $h >"$SCRATCH/$h/sysctls"; done

for ((i = 1; i <= N; i++)); do
	peers=()
	for ((j = 1; j <= N; j++)); do
		[ $i = $j ] || echo "h$i 10.1.0.$j $((i * 10 + j))" >&3
		[ $i -ge $j ] || peers+=("10.1.0.$j")
		[ $i -ge $j ] || echo "pair all h$i 10.1.0.$i h$j 10.1.0.$j" >&4
	done
	on "h$i" perl "$LAB_TOP/test/lab/talk.pl" "$SCRATCH/stop" "10.1.0.$i" "${peers[@]}" >"$SCRATCH/h$i/talk" 2>&1 &
	TALK[i]=$!
done 3>"$SCRATCH/streams" 4>"$SCRATCH/pairs"
PAIRS=$(wc -l <"$SCRATCH/pairs")
"$FAN" -c 60000 -i 100 -w 2000 <"$SCRATCH/streams" >"$SCRATCH/fan" &
FANS=$!
nap 1

for h in "${all[@]}"; do start $h; done
_all_right() { judge "${all[@]}" && judged all && [ "$RIGHT" = "$PAIRS" ]; }
until_ok 90 _all_right || fail "$NONE of $PAIRS pairs have no CHILD_SA, $DOUBLE more than one: $(cat "$SCRATCH/judged")"
say "$PAIRS pairs have one CHILD_SA each"

# Nobody is in the clear any more, and none of them says so of another.
for h in "${all[@]}"; do
	say "$h: enforced"
	ikectl $h mode enforced >/dev/null || fail "$h is not switched"
done
capture
nap 3
clear=$(captured "(icmp or tcp port 7000)")
[ -z "$clear" ] || fail "in the clear between enforced hosts: $(head -n 3 <<<"$clear") ($(wc -l <<<"$clear") packets)"
[ "$(count esp)" -gt 300 ] || fail "there is no ESP on the wire"

for h in "${all[@]}"; do
	say "$h: optional"
	ikectl $h mode optional >/dev/null || fail "$h is not switched back"
done
for h in "${all[@]}"; do
	say "$h: removed"
	ikectl $h disable >/dev/null || fail "$h is not disabled"
	nap 0.5
done
nap 1

: >"$SCRATCH/stop"
for ((i = 1; i <= N; i++)); do wait "${TALK[i]}" || fail "h$i: $(cat "$SCRATCH/h$i/talk")"; done
cat "$SCRATCH"/h?/talk >"$SCRATCH/talk"
read -r connections lines broken < <(awk '{ n++; lines += $3 } $3 != $4 || $5 || $3 < 100 { b++ } END { print n + 0, lines, b + 0 }' "$SCRATCH/talk")
[ "$connections" = "$PAIRS" ] && [ "$broken" = 0 ] || fail "$broken of $connections connections broke: $(awk '$3 != $4 || $5' "$SCRATCH/talk")"
kill -TERM $FANS
wait $FANS || true
# Those of the last moment are still under way.
read -r sent lost where < <(awk '{ sent += $3; n = split($6, l, ","); for (i = 1; i <= n; i++) { split(l[i], r, "-")
	if (r[1] == "") continue; to = r[2] == "" ? r[1] : r[2]; if (r[1] >= $3 - 2) continue
	lost += to - r[1] + 1; where = where " " $1 ">" $2 ":" l[i] } } END { print sent, lost + 0, where }' "$SCRATCH/fan")
[ "$lost" = 0 ] || fail "$lost of $sent pings lost, at: $where"

for h in "${all[@]}"; do
	left=$(on $h ip xfrm policy list nosock)
	[ -z "$left" ] || fail "policies are left on $h: $left"
	_none_left() { [ -z "$(on $h ip xfrm state list)" ]; }
	until_ok 10 _none_left || fail "SAs are left on $h: $(on $h ip xfrm state list)"
	sysctls $h | cmp - "$SCRATCH/$h/sysctls" || fail "$h has other sysctls than before"
done
report "$sent pings and $lines lines of $connections connections, none lost; nothing is left"
