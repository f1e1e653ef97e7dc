# SPDX-License-Identifier: Apache-2.0
# ikemesh and strongSwan begin something with the same SA at once, and what one of them says is 700 ms on
# its way, so that the requests cross. OURS-THEIRS-SLOW: what each begins, and whose packets are slow.
# Afterwards there is one live CHILD_SA, and rekeys have cost no packet; a DELETE may cost what was under way.
# cases: child-child-ours ike-ike-theirs
# long: child-delete-theirs child-child-theirs ike-ike-ours child-ike-theirs ike-child-ours delete-child-ours
# timeout: 180
# takes: 20
ROUNDS=2
IFS=- read -r ours theirs slow <<<"$1"
ca ca
cert instance ca
host a ikemesh 10.1.0.1/16
host b strongswan 10.1.0.2/16
configure b conn='    reauth=no'
start a b
bring_up a b
expect_established a b
declare -A SIDE=([ours]=a [theirs]=b)
netem_ike "${SIDE[$slow]}" delay 700ms

swan_id() { ipsec_ b status | grep -o "$1: *$2" | grep -oE '[[{][0-9]+[]}]' | tail -n 1; } # BRACED-NUMBER STATE
stroke() { nsenter -t "${PID[b]}" -m -n /usr/lib/ipsec/stroke "$@"; } # ipsec(8), but it takes less time
begin_ours() {
	case $ours in
	child) ikectl a rekey 10.1.0.2 ;;
	ike) ikectl a rekey-ike 10.1.0.2 ;;
	delete) ikectl a down 10.1.0.2 ;;
	esac
}
begin_theirs() {
	case $theirs in
	child) stroke rekey "$child" ;;
	ike) stroke rekey "$ike" ;;
	delete) stroke down-nb "$child" ;;
	esac
}
collisions() { # what both sides' logs say of it
	grep -hE 'collision|TEMPORARY_FAILURE|TEMP_FAIL|CHILD_SA_NOT_FOUND|NO_CHILD_SA|NOT_FOUND' "$SCRATCH"/{a,b}/log | wc -l || true
}
# One that carries on each side: INSTALLED, and a single outbound SA in the kernel.
live() { # HOST
	[ "$(status "$1" | grep -c 'INSTALLED, TRANSPORT')" = 1 ] &&
		[ "$(on "$1" ip xfrm state list src "$(address "$1")" | grep -cE '^\s(aead|enc) ')" = 1 ]
}

stream a b $((ROUNDS * 4)) 0.01
stream b a $((ROUNDS * 4)) 0.01
for round in $(seq $ROUNDS); do
	child=$(swan_id '{[0-9]*}' INSTALLED) ike=$(swan_id '\[[0-9]*\]' ESTABLISHED)
	say "round $round: we begin $ours, strongSwan $theirs, on $child of $ike"
	# The slow one first: its request is on its way when the other begins.
	if [ "$slow" = ours ]; then
		begin_ours && begin_theirs
	else
		begin_theirs && begin_ours
	fi >/dev/null
	nap 2.5
done
crossed=$(collisions)
streamed a b
lost=$LOST
streamed b a
lost=$((lost + LOST))
report "$ROUNDS rounds, $crossed lines in the logs about collisions, $lost of $((2 * SENT)) pings lost"
netem_off "${SIDE[$slow]}"
until_ok 15 live a || fail "not exactly one live CHILD_SA on a: $(status a)"
until_ok 15 live b || fail "not exactly one live CHILD_SA on b: $(status b)"
ping_all a b 5
ping_all b a 5
case $1 in
*delete*) ;;
*)
	[ "$crossed" -gt 0 ] || fail "nothing crossed: this has shown nothing"
	[ $lost = 0 ] || fail "$lost pings were lost"
	;;
esac
expect_alive a b
