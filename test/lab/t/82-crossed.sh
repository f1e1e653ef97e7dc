# SPDX-License-Identifier: Apache-2.0
# Two hosts begin to send to each other at the same instant, 2 ms apart, so that both initiate. None of the
# pairs is dead afterwards, and each has exactly one CHILD_SA a minute later; between ikemesh hosts not one
# packet is lost, both ways. The case: A-B-TRIALS. The trials begin 400 ms after one another, each in
# namespaces of its own, and wait together; a few of them only as long as it takes. What two strongSwans
# make of it is reported.
# cases: ikemesh-ikemesh-6 ikemesh-strongswan-6
# long: ikemesh-ikemesh-50 ikemesh-strongswan-50 strongswan-strongswan-50
# timeout: 400
# takes: 30
IFS=- read -r first second TRIALS <<<"$1"
APART=400 SECONDS_MORE=59
[ "$TRIALS" -ge 50 ] || SECONDS_MORE=8
ca ca
cert instance ca
configure all ipsec_subnets=10.1.0.0/16
all=()
for ((i = 1; i <= TRIALS; i++)); do
	host "a$i" "$first" "10.1.$i.1/16"
	host "b$i" "$second" "10.1.$i.2/16"
	netem "a$i" delay 2ms
	netem "b$i" delay 2ms
	acquaint "a$i" "b$i"
	all+=("a$i" "b$i")
	echo "pair crossed a$i 10.1.$i.1 b$i 10.1.$i.2" >>"$SCRATCH/pairs"
	echo "a$i 10.1.$i.2 $((i * APART))"$'\n'"b$i 10.1.$i.1 $((i * APART))" >>"$SCRATCH/streams"
done
start "${all[@]}"

lost() { awk '{ n += $3 - $4 } END { print n + 0 }' "$1"; }
now
began=$NOW
# The first second of each, as a stream would be, and then the minute.
"$FAN" -c 50 -i 20 -w 2000 <"$SCRATCH/streams" >"$SCRATCH/fan-first"
say "lost in the first second: $(lost "$SCRATCH/fan-first") of $((TRIALS * 100)): $(awk '$6 != "-" { print $1 ": " $6 }' "$SCRATCH/fan-first" | paste -s -d ';')"
judge "${all[@]}"
judged crossed
say "then: $RIGHT right, $NONE without a CHILD_SA, $DOUBLE with more than one"
"$FAN" -c $SECONDS_MORE -i 1000 -w 2000 <"$SCRATCH/streams" >"$SCRATCH/fan-minute"
settled() { judge "${all[@]}" && judged crossed && [ "$RIGHT" = "$TRIALS" ]; }
[ "$TRIALS" -lt 50 ] && until_ok 52 settled || settled || true
cat "$SCRATCH/judged"
now
after=$(((NOW - began) / 1000))
sed 's/ [0-9]*$//' "$SCRATCH/streams" | "$FAN" -c 3 -i 300 -w 2000 >"$SCRATCH/fan-last"
dead=$(awk '$4 == 0 { sub(/^./, "", $1); print $1 }' "$SCRATCH/fan-last" | sort -u | wc -l)
crossed=0
for ((i = 1; i <= TRIALS; i++)); do
	[ "${KIND[a$i]}" != ikemesh ] || [ "$(grep -c 'IKE SA .* established' "$SCRATCH/a$i/log")" -lt 2 ] || crossed=$((crossed + 1))
done
lost_all=$(($(lost "$SCRATCH/fan-first") + $(lost "$SCRATCH/fan-minute") + $(lost "$SCRATCH/fan-last")))
report "$first with $second: $TRIALS crossed starts, $dead dead; after $after s $RIGHT with one CHILD_SA, $DOUBLE with more, $NONE with none; $lost_all of $((TRIALS * 2 * (50 + SECONDS_MORE + 3))) pings lost"
[ "${KIND[a1]}" != ikemesh ] || report "two IKE SAs came up first in $crossed of $TRIALS"
expect_alive "${all[@]}"
[ "$first" != strongswan ] || exit 0
[ "$dead" = 0 ] || fail "$dead pairs are dead: $(awk '$4 == 0' "$SCRATCH/fan-last" | head -n 5 | paste -s -d ';')"
[ "$RIGHT" = "$TRIALS" ] || fail "$((TRIALS - RIGHT)) pairs have not exactly one CHILD_SA: $(head -n 3 "$SCRATCH/judged" | paste -s -d ';')"
[ "$second" = strongswan ] || [ "$lost_all" = 0 ] ||
	fail "$lost_all pings were lost: $(awk '$6 != "-" { print $1 ": " $6 }' "$SCRATCH"/fan-{first,minute,last} | head -n 5 | paste -s -d ';')"
