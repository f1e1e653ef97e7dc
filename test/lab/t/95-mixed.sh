# SPDX-License-Identifier: Apache-2.0
# A fleet of the add-on's strongSwan becomes one of ikemesh, host by host, from the add-on's own file, under pings
# and TCP connections among all; then two go back. Each is converted as docs/operations.md says: strongSwan is
# killed, so that what it has in the kernel stays, and ikemesh takes its peers over (key takeover; on the second host
# the engine is killed in the middle of it, twice). No ping is lost and no connection broken by a conversion, and no
# host that runs ikemesh sends a packet in the clear. On the way back the SAs of ikemesh carry the traffic until
# strongSwan has its own: what is lost then is a packet where strongSwan negotiates twice, and none in the clear.
# Then the same host with strongSwan alone, restarted, for comparison.
# cases: three
# long: six
# timeout: 600
# takes: 60
. "$LAB_TOP/test/lab/addon.sh"
. "$LAB_TOP/test/lab/fleet.sh"
[ "${LAB_IKEMESH:-ikemesh}" = ikemesh ] || skip "this is about ikemesh"
case $1 in three) N=3 ;; six) N=6 ;; esac
configure all ipsec_subnets=10.1.0.0/16 no_ipsec_subnets=10.1.0.200/32
fleet $N
for ((i = 1; i <= N; i++)); do swan $i; done
# One after the other: two strongSwans that begin at once may stay without each other for good.
for ((i = 1; i <= N; i++)); do for ((j = i + 1; j <= N; j++)); do bring_up h$i h$j 20; done; done
talk_begin
until_ok 60 all_talk || fail "not all of them talk with each other: $(cat "$SCRATCH/out")"

for ((i = 1; i <= N; i++)); do
	step_begin
	case $i in
	2) convert 2 killed ;;
	*) convert $i ;;
	esac
	step_end "h$i to ikemesh" $i
	[ "$LOST $CLEAR_OURS" = '0 0' ] || BAD+="h$i to ikemesh: $LOST lost, $CLEAR_OURS in the clear; "
done
for ((i = 1; i <= 2; i++)); do
	step_begin
	go_back $i
	step_end "h$i back to strongSwan" $i
	[ "$LOST" -le $((4 * N)) ] && [ "$CLEAR_OURS" = 0 ] || BAD+="h$i back to strongSwan: $LOST lost, $CLEAR_OURS in the clear; "
done
step_begin
stop s1
swan 1
step_end "h1: strongSwan restarted" 1
talk_end
[ -z "$BAD" ] || fail "$BAD"
