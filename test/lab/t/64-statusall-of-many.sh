# SPDX-License-Identifier: Apache-2.0
# A parser for strongSwan's statusall reads ours with the same result: an ikemesh and a strongSwan with four
# strongSwan and four ikemesh peers each; both ends of each of these SAs, whatever they run, tell the same SPIs
# and the same octets.
# takes: 70
# timeout: 240
ca ca
cert instance ca
configure all no_ipsec_subnets=10.1.9.0/24
host ours ikemesh 10.1.0.1/16
host theirs strongswan 10.1.0.2/16
peers=()
for i in 1 2 3 4; do
	host "i$i" ikemesh "10.1.1.$i/16"
	host "s$i" strongswan "10.1.2.$i/16"
	peers+=("i$i" "s$i")
done
start ours theirs "${peers[@]}"
for h in ours theirs; do
	for p in "${peers[@]}"; do
		bring_up "$h" "$p"
		ping_all "$h" "$p" "$((RANDOM % 5 + 1))" 0.02
	done
done
nap 1

for h in ours theirs "${peers[@]}"; do
	status "$h" >"$SCRATCH/$h/status"
	perl "$LAB_TOP/test/lab/statusall.pl" <"$SCRATCH/$h/status" >"$SCRATCH/$h/read" 2>"$SCRATCH/$h/why" ||
		fail "statusall of $h (${KIND[$h]}) is not understood: $(cat "$SCRATCH/$h/why" "$SCRATCH/$h/status")"
	read -r _ up _ <"$SCRATCH/$h/read"
	case $h in ours | theirs) want=8 ;; *) want=2 ;; esac
	[ "$up" -ge $want ] || fail "$h has $up IKE SAs up, of $want: $(cat "$SCRATCH/$h/status")"
done
# The other end's line, turned round, is ours (two strongSwans may have more than one).
turned() { awk -v other="$(address "$1")" '$2 == other { print $2, $1, $3, $4, $6, $5, $8, $7, $9 }' "$SCRATCH/$2/read" | sort; }
pairs=0
for h in ours theirs; do
	for p in "${peers[@]}"; do
		here=$(grep "^$(address "$h") $(address "$p") " "$SCRATCH/$h/read" | sort) || fail "statusall of $h tells nothing of $p"
		there=$(turned "$h" "$p")
		[ -n "$there" ] && [ "$here" = "$there" ] || fail "$h says '$here' of its SA with $p, which says '$there'"
		pairs=$((pairs + 1))
	done
done
report "$pairs pairs: addresses, IKE SPIs, SPIs, octets and cipher are the same at both ends, as read from statusall of ${#peers[@]} + 2 daemons"
report "ours: $(sed -n '2p' "$SCRATCH/ours/read")"
report "theirs: $(sed -n '2p' "$SCRATCH/theirs/read")"
