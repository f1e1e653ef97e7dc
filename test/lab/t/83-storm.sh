# SPDX-License-Identifier: Apache-2.0
# A cold storm: one host sends to N others in one moment, and has an SA with none of them. All come up; and
# of the first packets, the kernel holds a hundred a policy, and those arrive, each of them. The N others are
# the addresses of one host with one daemon. The case is N. By name, strongSwan
# does the same afterwards, for its figures; it holds nothing, and loses them all.
# cases: 30
# long: 300 1000
# alone
# timeout: 900
N=$1
HELD=$((N < 100 ? N : 100))
ca ca
cert instance ca
declare -A NET=([a]=1 [c]=2)

# storm FROM TO: FROM is one address, TO has N of a /22
storm() {
	local from=$1 to=$2 net=${NET[$1]} i began cpu_from cpu_to first
	sed -n "s/^pair $from //p" "$SCRATCH/pairs" | while read -r _ _ _ i; do echo "$from $i"; done >"$SCRATCH/streams-$from"
	sed 's/$/ 1000/' "$SCRATCH/streams-$from" >"$SCRATCH/streams-$from-more"
	cpu_from=$(cpu_of "$from") cpu_to=$(cpu_of "$to")
	now
	began=$NOW
	"$FAN" -w 600000 <"$SCRATCH/streams-$from" >"$SCRATCH/fan-$from" &
	first=$!
	# Then one each second, as applications would, until each peer has answered.
	"$FAN" -a -c 240 <"$SCRATCH/streams-$from-more" >"$SCRATCH/fan-$from-more"
	cpu_from=$(($(cpu_of "$from") - cpu_from)) cpu_to=$(($(cpu_of "$to") - cpu_to))
	nap 1
	kill -TERM $first 2>/dev/null || true # it ends by itself if none is missing
	wait $first || true
	UP=$(awk '$4 > 0' "$SCRATCH/fan-$from-more" | wc -l)
	ARRIVED=$(head -n $HELD "$SCRATCH/fan-$from" | awk '$4 > 0' | wc -l)
	LAST=$(awk '$5 > last { last = $5 } END { print last + 0 }' "$SCRATCH/fan-$from-more")
	report "${KIND[$from]}: $UP of $N peers up, the last after $LAST ms; of the first $HELD packets $ARRIVED arrived, of all $(awk '$4 > 0' "$SCRATCH/fan-$from" | wc -l); CPU a peer: $(awk "BEGIN { printf \"%.1f and %.1f\", $cpu_from / $N, $cpu_to / $N }") ms"
}
fleet() { # FROM KIND TO KIND
	local i net=${NET[$1]} addresses=()
	for ((i = 1; i <= N; i++)); do
		addresses+=("10.$net.$((4 + i / 256)).$((i % 256))/16")
		echo "pair $1 $1 10.$net.0.1 $3 10.$net.$((4 + i / 256)).$((i % 256))"
	done >>"$SCRATCH/pairs"
	host "$1" "$2" "10.$net.0.1/16"
	host "$3" "$4" "${addresses[@]}"
	acquaint "$1" "$3"
	configure "$1" ipsec_subnets="10.$net.4.0/22"
	configure "$3" ipsec_subnets="10.$net.0.1/32"
	start "$1" "$3"
}

fleet a ikemesh b ikemesh
storm a b
up=$UP arrived=$ARRIVED
settled() { judge a b && judged a && [ "$RIGHT" = "$N" ]; }
until_ok 60 settled || head -n 5 "$SCRATCH/judged"
right=$RIGHT
report "${KIND[a]}: $RIGHT peers with one CHILD_SA, $NONE with none, $DOUBLE with more; IKE SAs made: $(grep -cE 'IKE.SA .* established' "$SCRATCH/a/log" || true)"
expect_alive a b
stop a b

verdict() {
	[ "$up" = "$N" ] || fail "$((N - up)) of $N did not come up"
	[ "$right" = "$N" ] || fail "$((N - right)) pairs have not exactly one CHILD_SA"
	[ "$arrived" = "$HELD" ] || fail "of the first $HELD packets $((HELD - arrived)) did not arrive"
	exit 0
}
[ "$N" -ge 300 ] || verdict

# strongSwan answers on any address that it has, without policies for each, and as many of one address as ask.
configure d charon=$'block_threshold = 0\n    cookie_threshold = 0'
eval "routing_$(declare -f ipsec_conf)"
ipsec_conf() {
	[ "$1" = d ] || { routing_ipsec_conf "$@" && return; }
	routing_ipsec_conf "$1" | sed '/^conn ipsec-/,$d'
	printf '%s\n' "conn storm" "    left=%any" "    right=%any" "    auto=add"
}
fleet c strongswan d strongswan
storm c d
judge c d
judged c
report "strongSwan: $RIGHT peers with one CHILD_SA, $NONE with none, $DOUBLE with more; IKE SAs made: $(grep -c 'IKE_SA .* established between' "$SCRATCH/c/log")"
verdict
