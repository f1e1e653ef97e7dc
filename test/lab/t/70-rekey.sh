# SPDX-License-Identifier: Apache-2.0
# CHILD_SAs and IKE SAs are rekeyed every few seconds while both hosts send, and IKE loses 5 % of its
# packets: of the traffic not one is lost, and nothing is left over. The case says who b is and who has
# the short lifetimes. strongswan-reauth is its default, which breaks before it makes: what that costs is
# reported as it is.
# LAB_REKEY_SECONDS=60 is the long run.
# cases: ikemesh strongswan-both
# long: strongswan-ours strongswan-theirs strongswan-reauth
# timeout: 240
# takes: 25
SECONDS_OF_TRAFFIC=${LAB_REKEY_SECONDS:-15}
IFS=- read -r peer who <<<"$1"
SHORT=$'ike_lifetime: 7s\nesp_lifetime: 4s'
# The same for strongSwan (7 s and 4 s), with room for its retries, which come after 15 s.
SWAN_SHORT=$'    ikelifetime=43s\n    lifetime=40s\n    margintime=36s\n    rekeyfuzz=0%'
ca ca
cert instance ca
host a ikemesh 10.1.0.1/16
host b "$peer" 10.1.0.2/16
case $peer-$who in
ikemesh-) configure all yaml="$SHORT" ;;
*-ours) configure a yaml="$SHORT" && configure b conn='    reauth=no' ;;
*-theirs) configure b conn="$SWAN_SHORT"$'\n    reauth=no' ;;
*-both) configure a yaml="$SHORT" && configure b conn="$SWAN_SHORT"$'\n    reauth=no' ;;
# Its CHILD_SAs would keep it from it: those it has just rekeyed it holds on to for 5 s.
*-reauth) configure b conn="${SWAN_SHORT/lifetime=40s/lifetime=600s}" ;;
esac
start a b
# Who begins re-authenticates.
if [ "$who" = reauth ]; then bring_up b a; else bring_up a b; fi
ping_all a b 5
netem_ike a loss 5%
netem_ike b loss 5%

# What the kernel holds with keys: the most there ever was, in MOST.
declare -A MOST=() EARLY=()
count_sas() { # HOST
	local n
	n=$(on "$1" ip xfrm state list | grep -cE '^\s(aead|enc) ' || true)
	[ "$n" -le "${MOST[$1]-0}" ] || MOST[$1]=$n
}
count_log() { grep -cE -- "$1" "$SCRATCH/a/log" || true; }

stream a b "$SECONDS_OF_TRAFFIC"
stream b a "$SECONDS_OF_TRAFFIC"
now
end=$((NOW + SECONDS_OF_TRAFFIC * 1000)) half=$((NOW + SECONDS_OF_TRAFFIC * 500))
while now && [ "$NOW" -lt $end ]; do
	count_sas a
	count_sas b
	if [ ${#EARLY[@]} = 0 ] && [ "$NOW" -gt $half ]; then
		EARLY=([a]=${MOST[a]} [b]=${MOST[b]})
		MOST=()
	fi
	nap 0.7
done
lost=() sent=0
for pair in 'a b' 'b a'; do
	read -r from to <<<"$pair"
	streamed "$from" "$to"
	lost+=("$LOST") sent=$((sent + SENT))
done
children=$(($(count_log 'CHILD_SA .* installed') - 1)) ikes=$(count_log 'IKE SA .* rekeyed')
[ "$who" != reauth ] || ikes=$(($(count_log 'IKE SA .* established') - 1))
report "$children new CHILD_SAs and $ikes new IKE SAs in $SECONDS_OF_TRAFFIC s, $sent pings; lost: ${lost[0]} from a, ${lost[1]} from b"
report "kernel SAs at most ${EARLY[a]}, then ${MOST[a]} on a; ${EARLY[b]}, then ${MOST[b]} on b"
# At each break strongSwan's trap makes one more, which re-authenticates as well: that has bounds, too.
for h in a b; do
	[ "$who" != reauth ] || EARLY[$h]=12
	[ "${MOST[$h]}" -le $((EARLY[$h] + 4)) ] || fail "the SAs of $h grow: ${EARLY[$h]}, then ${MOST[$h]}"
done
[ "$who" = reauth ] || [ "${lost[*]}" = "0 0" ] || fail "lost: ${lost[*]}"
[ "$children" -ge $((SECONDS_OF_TRAFFIC / 8)) ] || fail "only $children new CHILD_SAs: this has shown nothing"
[ "$ikes" -ge $((SECONDS_OF_TRAFFIC / 15)) ] || fail "only $ikes new IKE SAs"

# One that carries on each side, and no more; what a rekey replaces may be received on for a while.
netem_off a b
[ "$who" = reauth ] || ping_all a b 5
expect_alive a b
live() { # HOST
	[ "$(status "$1" | grep -c 'INSTALLED, TRANSPORT')" = 1 ] &&
		[ "$(on "$1" ip xfrm state list src "$(address "$1")" | grep -cE '^\s(aead|enc) ')" = 1 ]
}
[ "$who" != reauth ] || exit 0 # it makes another of its own at each break, and keeps them all up
until_ok 20 live a || fail "not exactly one live CHILD_SA on a: $(status a)"
until_ok 20 live b || fail "not exactly one live CHILD_SA on b: $(status b)"
