# SPDX-License-Identifier: Apache-2.0
# A mesh, a third of it strongSwan, in which everybody sends to everybody all the time, keys are replaced every few
# seconds, some lines lose, reorder or double packets, and whatever may befall a host does: see
# soak/schedule.pl. Nothing is lost but where a host was down or a line dropped it (soak/report.pl), nothing is
# in the clear, nothing grows, and at the end each pair has exactly one CHILD_SA.
# short  6 hosts, half a minute of events
# full   12 hosts, LAB_SOAK_MINUTES of them: ./run soak MINUTES
# LAB_SOAK_SEED repeats the events of another time.
# long: short full
# timeout: 300
# takes: 90
# alone
[ "${LAB_IKEMESH:-ikemesh}" = ikemesh ] || skip "this is about ikemesh"
. "$LAB_TOP/test/lab/soak/events.sh"
case $1 in
short) N=6 SECONDS_OF_EVENTS=30 GAP=3 AGAIN="lab soak-short" ;;
full) N=12 SECONDS_OF_EVENTS=$((${LAB_SOAK_MINUTES:-5} * 60)) GAP=8 AGAIN="soak ${LAB_SOAK_MINUTES:-5}" ;;
esac
SEED=${LAB_SOAK_SEED:-$((RANDOM * 32768 + RANDOM))}
FLOOD_RATE=${LAB_SOAK_FLOOD:-200}
STEADY=(h1 h4)
LOSSY=(h2 h5 h6) DOUBLING=(h1 h3)
SHORT=$'ike_lifetime: 47s\nesp_lifetime: 19s'
# The same for strongSwan (39 to 51 s and 28 to 40 s), with room for its retries.
SWAN_SHORT=$'    ikelifetime=111s\n    lifetime=100s\n    margintime=60s\n    rekeyfuzz=20%\n    reauth=no'
report "seed $SEED: LAB_SOAK_SEED=$SEED ./run $AGAIN has the same events"

ca ca
cert aside ca
configure all ipsec_subnets=10.1.0.0/16 yaml="$SHORT" conn="$SWAN_SHORT" \
	charon=$'retransmit_timeout = 1.0\n    retransmit_base = 1.5\n    retransmit_tries = 5'
all=() ours=() others=() swans=()
for ((i = 1; i <= N; i++)); do
	h=h$i role=- kind=ikemesh
	[ $((i % 3)) != 0 ] || kind=strongswan
	case " ${STEADY[*]} " in *" $h "*) role=steady ;; esac
	case " ${LOSSY[*]} " in *" $h "*) role=lossy ;; esac
	cert "$h-1" ca
	[ $kind = strongswan ] || cert "$h-2" ca
	host "$h" $kind "10.1.0.$i/16"
	configure "$h" certificate="own-$h"
	own "$h" "$h-1"
	all+=("$h")
	if [ $kind = strongswan ]; then swans+=("$h"); else ours+=("$h"); fi
	[ $kind = strongswan ] || [ $role = steady ] || others+=("$h")
	echo "$h $kind 10.1.0.$i $role" >>"$SCRATCH/hosts"
done
host f plain $(for i in $(seq 40); do echo "10.1.200.$i/16"; done) 10.9.0.3/16
# Nothing befalls these two.
host p ikemesh 10.9.0.1/16
host q ikemesh 10.9.0.2/16
for h in p q; do configure $h certificate=aside ipsec_subnets=10.9.0.0/16 yaml=; done
echo "p ikemesh 10.9.0.1 control"$'\n'"q ikemesh 10.9.0.2 control" >>"$SCRATCH/hosts"
acquaint "${all[@]}" f
acquaint p q
for h in "${all[@]}"; do cp "$SCRATCH/$h/ip" "$SCRATCH/$h/neighbours"; done
comma() { local IFS=,; echo "$*"; }
perl "$LAB_TOP/test/lab/soak/schedule.pl" "$SEED" "$SECONDS_OF_EVENTS" "$GAP" "$(comma "${STEADY[@]}")" \
	"$(comma "${others[@]}")" "$(comma "${swans[@]}")" >"$SCRATCH/schedule"

# Each sends to each every second, not all in the same moment.
n=0
for x in "${all[@]}"; do
	for y in "${all[@]}"; do
		[ "$x" != "$y" ] || continue
		echo "$x $(address "$y") $((n++ * 1000 / (N * (N - 1))))"
		[[ $x > $y ]] || {
			class=ours
			case ${KIND[$x]}-${KIND[$y]} in strongswan-strongswan) class=theirs ;; *strongswan*) class=mixed ;; esac
			echo "pair $class $x $(address "$x") $y $(address "$y")" >&3
		}
	done
done >"$SCRATCH/streams" 3>"$SCRATCH/pairs"
for i in 0 200 400 600 800; do echo "p 10.9.0.2 $i"$'\n'"q 10.9.0.1 $i"; done >>"$SCRATCH/streams"

# settle SECONDS: until each pair that has an ikemesh end was seen with exactly one CHILD_SA. What is not is left in
# $SCRATCH/unsettled, by its two hosts. (While keys are replaced there are two for a moment.)
settle() {
	now
	local end=$((NOW + $1 * 1000))
	awk '$2 != "theirs" { print $3, $5 }' "$SCRATCH/pairs" >"$SCRATCH/unsettled"
	while [ -s "$SCRATCH/unsettled" ] && now && [ "$NOW" -lt $end ]; do
		nap 1
		judge "${all[@]}"
		awk 'NR == FNR { wrong[$3, $5]; next } ($1, $2) in wrong' "$SCRATCH/judged" "$SCRATCH/unsettled" >"$SCRATCH/still"
		mv "$SCRATCH/still" "$SCRATCH/unsettled"
	done
	[ ! -s "$SCRATCH/unsettled" ]
}
policies() { ip -n "$1" xfrm policy list nosock | grep -c '^src' || true; }

# --- from here it runs
begin "${all[@]}" p q
"$FAN" -a -k -c 240 -i 500 -w 3000 -u 9000 <"$SCRATCH/streams" >"$SCRATCH/first"
! awk '$4 == 0' "$SCRATCH/first" | grep . || fail "not everybody answers"
for h in "${ours[@]}"; do policies "$h" >"$SCRATCH/$h/policies"; done
# A keyholder keeps the key before the present one: now it has as much in memory as it may ever have.
for h in "${STEADY[@]}"; do
	for turn in 1 2; do event_rotate "$h"; done
done
say "$N hosts are up"
tcpdump -i wire -n -Z root -U --immediate-mode -B 8192 -w "$SCRATCH/clear.pcap" \
	"ip and net 10.1.0.0/16 and not esp and not $IKE and not $UNHEARD" 2>"$SCRATCH/tcpdump.log" &
until_ok 10 grep -q 'listening on' "$SCRATCH/tcpdump.log" || fail "tcpdump: $(cat "$SCRATCH/tcpdump.log")"
for h in "${LOSSY[@]}"; do
	printf '%s\n' "qdisc replace dev eth0 root handle 1: prio bands 5" \
		"qdisc replace dev eth0 parent 1:4 netem limit 10000 delay 4ms 3ms loss 5%" \
		"qdisc replace dev eth0 parent 1:5 netem limit 10000 delay 2ms loss 0.3% reorder 90%" \
		"filter add dev eth0 parent 1: protocol ip prio 1 flower ip_proto udp dst_port 500 classid 1:4" \
		"filter add dev eth0 parent 1: protocol ip prio 1 flower ip_proto udp dst_port 4500 classid 1:4" \
		"filter add dev eth0 parent 1: protocol ip prio 2 flower ip_proto 32 classid 1:5" >"$SCRATCH/$h/tc"
	tc -n "$h" -batch "$SCRATCH/$h/tc"
done
# A netem that doubles may not stand beside another one.
for h in "${DOUBLING[@]}"; do netem "$h" delay 2ms reorder 95% duplicate 2%; done
perl "$LAB_TOP/test/lab/soak/watch.pl" "$SCRATCH" 5 $(awk '$4 != "control" { print $1 "=" $2 "+" $4 }' "$SCRATCH/hosts") \
	>"$SCRATCH/samples" 2>"$SCRATCH/watch.err" &
watch=$!
"$FAN" -t -k -c 65535 -i 1000 -u 9000 -w 3000 <"$SCRATCH/streams" >"$SCRATCH/traffic" 2>"$SCRATCH/fan.err" &
fan=$!
be_patient
now
began=$NOW
while read -r at kind h <&4; do
	now
	wait_ms=$((began - NOW + ${at/./}00))
	[ "$wait_ms" -le 0 ] || nap "$((wait_ms / 1000)).$(printf %03d $((wait_ms % 1000)))"
	event "$kind" "$h"
done 4<"$SCRATCH/schedule"
say "the events are over"
now
over=$NOW
nap 5

# --- what became of it
[ -z "$VIP_AT" ] || ip -n "$VIP_AT" addr del $VIP/32 dev eth0
for h in "${!SECOND[@]}"; do [ -z "${SECOND[$h]}" ] || event_address "$h"; done
for h in "${ours[@]}"; do # no more rekeyings
	configure "$h" yaml=
	reload "$h" || trouble "$h is not reloaded at the end: $(cat "$SCRATCH/$h/out")"
done
settle 240 || trouble "not exactly one CHILD_SA: $(paste -s -d , "$SCRATCH/unsettled"); $(head -n 3 "$SCRATCH/judged" | paste -s -d ';')"
now
report "at rest $(((NOW - over) / 1000)) s after the last event"
judged theirs
say "strongSwan with strongSwan: $RIGHT right, $NONE without, $DOUBLE doubled"
kill -TERM $fan $watch
wait $fan || trouble "no traffic: $(cat "$SCRATCH/fan.err")"
[ ! -s "$SCRATCH/watch.err" ] || trouble "the watch: $(head -n 2 "$SCRATCH/watch.err")"
expect_alive "${all[@]}" p q
for h in "${ours[@]}"; do
	was=$(cat "$SCRATCH/$h/policies") is=$(policies "$h")
	[ "$was" = "$is" ] || trouble "$h has $is policies, at the beginning $was"
done
SAs_of_others() { # HOST: which are with nobody of the mesh, or of an address that it has no more
	ip -n "$1" xfrm state list | awk 'NR == FNR { mesh[$3]; next } /^src / && !($2 in mesh && $4 in mesh)' "$SCRATCH/hosts" - || true
}
for h in "${ours[@]}"; do
	until_ok 60 eval "[ -z \"\$(SAs_of_others $h)\" ]" || trouble "$h has SAs left over: $(SAs_of_others "$h" | head -n 3)"
done
nap 0.5
tcpdump -n -r "$SCRATCH/clear.pcap" 2>/dev/null | awk '{ sub(/\.[0-9]+$/, "", $3); print $3 }' FS='[ ]' |
	awk -F. '{ print $1 "." $2 "." $3 "." $4 }' | sort | uniq -c >"$SCRATCH/clear"
clear_of() { # KIND: packets in the clear that hosts of that kind sent
	awk -v kind="$1" 'NR == FNR { if ($2 == kind) of[$3]; next } $2 in of { n += $1 } END { print n + 0 }' "$SCRATCH/hosts" "$SCRATCH/clear"
}
report "in the clear: $(clear_of ikemesh) packets of ikemesh hosts, $(clear_of strongswan) of strongSwan hosts (while it was down)"
[ "$(clear_of ikemesh)" = 0 ] || trouble "ikemesh hosts spoke in the clear"
in_logs() { cat $(printf "$SCRATCH/%s/log " "${ours[@]}") | grep -cE -- "$1" || true; }
happened() { grep -c " $1 " "$SCRATCH/events" || true; }
deaths=$(in_logs 'the engine died of signal') kills=$(happened kill-engine)
# Between ikemesh hosts there is none. A strongSwan that was killed says nothing of it, not even when it begins anew;
# nor can a host whose address has moved away: their peers find out by the SA that is silent.
breaches=$(in_logs ' (10\.1\.0\.(1|2|4|5|7|8|10|11)): two CHILD_SAs live') found=$(in_logs 'two CHILD_SAs live')
found=$((found - breaches))
report "$deaths engines died, $kills were killed; $breaches breaches of one CHILD_SA a pair between ikemesh hosts, $found with strongSwan and the moving address; $(in_logs 'CHILD_SA .* installed') CHILD_SAs were made, $(in_logs 'IKE SA .* rekeyed') IKE SAs rekeyed, $(in_logs 'IKE SA .* established') established; $(awk '{ n += $1 } END { print n + 0 }' "$SCRATCH/flooded" 2>/dev/null || echo 0) spoofed IKE_SA_INITs"
[ "$deaths" = "$kills" ] || trouble "$deaths engines died, and $kills were killed"
[ "$breaches" = 0 ] || trouble "$breaches breaches"
rc=0
perl "$LAB_TOP/test/lab/soak/report.pl" "$SCRATCH" >"$SCRATCH/told" || rc=1
while read -r line; do report "$line"; done <"$SCRATCH/told"
[ $rc = 0 ] && [ ! -e "$SCRATCH/trouble" ] ||
	final_fail "$(cat "$SCRATCH/trouble" 2>/dev/null | head -n 10 | paste -s -d ';') $(grep '^!' "$SCRATCH/told" | paste -s -d ';')"
