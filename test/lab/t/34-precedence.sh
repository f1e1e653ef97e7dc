# SPDX-License-Identifier: Apache-2.0
# An address in both lists: a no-IPsec /32 inside an IPsec /20 and an IPsec /24 inside a no-IPsec /16,
# in either order in the file, under either precedence, and what strongSwan makes of the same lists: the
# same as we do with no_ipsec_subnets first.
# What counts is what is seen on the wire. From one to the next by reload.
# timeout: 240
# takes: 30
ca ca
cert instance ca
IPSEC=('10.1.0.0/20 10.2.5.0/24' '10.2.5.0/24 10.1.0.0/20')
CLEAR=('10.1.1.10/32 10.2.0.0/16' '10.2.0.0/16 10.1.1.10/32')
host a ikemesh 10.1.0.1/8
host s strongswan 10.1.0.2/8
# ESP is answered by e alone, cleartext by p alone
host e ikemesh 10.1.1.11/8 10.2.5.1/8
host p plain 10.1.1.10/8 10.2.5.2/8 10.2.4.1/8
[ "${KIND[a]}" = ikemesh ] || skip "this is about ikemesh"
configure e ipsec_subnets=10.1.0.0/24
WHAT=("/32 in /20" "/20 beside" "/24 in /16" "/24 in /16" "/16 beside")
TO=(10.1.1.10 10.1.1.11 10.2.5.1 10.2.5.2 10.2.4.1)

lists() { # HOST ORDER PRECEDENCE: the second order has the lists themselves the other way round, too
	local h=$1 order=$2
	if [ "$order" = 0 ]; then
		configure "$h" ipsec_subnets="${IPSEC[0]}" no_ipsec_subnets="${CLEAR[0]}" yaml="precedence: $3"
	else
		configure "$h" ipsec_subnets="${IPSEC[1]}" no_ipsec_subnets="${CLEAR[1]}" yaml="precedence: $3"
	fi
}
in_order() { # ORDER <CONFIGURATION: the bypasses first, if it is the second one
	if [ "$1" = 0 ]; then cat; else awk '
		BEGIN { to = 0 }
		/^conn / { to = /^conn no-ipsec/ ? 1 : /^conn ipsec/ ? 2 : 0 }
		/^no_ipsec_subnets:/ { to = 1 } /^ipsec_subnets:/ { to = 2 } /^instance_certificate:/ { to = 3 }
		{ part[to] = part[to] $0 "\n" }
		END { printf "%s%s%s%s", part[0], part[1], part[2], part[3] }'; fi
}
eval "$(declare -f ikemesh_config | sed '1s/.*/plain_ikemesh_config ()/')"
eval "$(declare -f ipsec_conf | sed '1s/.*/plain_ipsec_conf ()/')"
ORDER=0
ikemesh_config() { plain_ikemesh_config "$1" | in_order "$ORDER"; }
ipsec_conf() { plain_ipsec_conf "$1" | in_order "$ORDER"; }

wire() { # HOST: what went to each address since the last time, into SAW
	local to pids=() from seen
	from=$(address "$1")
	for to in "${TO[@]}"; do
		nsenter "--net=/run/netns/$1" ping -n -q -w 2 -i 0.2 "$to" >/dev/null &
		pids+=($!)
	done
	wait "${pids[@]}" || true
	until_ok 5 on "$1" ping -n -c 1 -W 1 "${TO[1]}" || true # who is slow to negotiate is no other verdict
	captured "src $from" >"$SCRATCH/seen"
	seen=$(tail -n "+$((PAST + 1))" "$SCRATCH/seen")
	PAST=$(wc -l <"$SCRATCH/seen")
	SAW=()
	for to in "${TO[@]}"; do
		case $seen in
		*" $from > $to: ICMP echo"*) SAW+=(clear) ;;
		*" $from > $to: ESP"*) SAW+=(ESP) ;;
		*" $from.500 > $to.500: "*) SAW+=(asked) ;; # by IKE; whoever is there does not know it
		*) SAW+=(nothing) ;;
		esac
	done
}
PAST=0
capture
row() { # NAME EXPECTED…
	local name=$1 i line=
	shift
	for i in "${!TO[@]}"; do
		line+=$(printf ' %-8s' "${SAW[i]}")
		[ -z "${1-}" ] || [[ "|$1|" == *"|${SAW[i]}|"* ]] || fail "$name: to ${TO[i]} (${WHAT[i]}): ${SAW[i]}, expected $1"
		shift || true
	done
	report "$(printf '%-28s%s' "$name" "$line")"
}
BYPASS=(clear ESP clear clear clear)
LONGEST=(clear ESP ESP 'asked|ESP' clear) # on a decoy: see ike/hold.h
printf -v HEAD ' %-8s' 1.1.10 1.1.11 2.5.1 2.5.2 2.4.1
report "$(printf '%-28s%s' "on the wire, to 10." "$HEAD")"

lists a 0 bypass
start e a
wire a
row "ikemesh bypass 1" "${BYPASS[@]}"
again() { # ORDER PRECEDENCE
	ORDER=$1
	lists a "$1" "$2"
	ikemesh_config a >"$SCRATCH/a/ikemesh.yml"
	ikectl a reload >/dev/null
	wire a
}
again 1 bypass
row "ikemesh bypass 2" "${BYPASS[@]}"
again 0 longest-prefix
row "ikemesh longest-prefix 1" "${LONGEST[@]}"
ikectl a explain 10.2.5.1 | tee "$SCRATCH/explained"
grep -q 'by 10.2.5.0/24 of ipsec_subnets' "$SCRATCH/explained" || fail "explain does not name the entry"
grep -q 'not by 10.2.0.0/16 of no_ipsec_subnets .*: an entry of ipsec_subnets is longer' "$SCRATCH/explained" || fail "nor the other"
grep -Eq '^SAs: up' "$SCRATCH/explained" || fail "nor the SAs"
! grep -q 'not as the configuration' "$SCRATCH/explained" || fail "the kernel has something else"
again 1 longest-prefix
row "ikemesh longest-prefix 2" "${LONGEST[@]}"

say "back: the pair that is bypassed again loses its SAs, the other keeps them"
before=$(on a ip xfrm state list | grep -c '10.1.1.11 ')
lists a 0 bypass
ORDER=0
ikemesh_config a >"$SCRATCH/new.yml"
ikectl a plan "$SCRATCH/new.yml" | tee "$SCRATCH/planned"
grep -q -- '- 10.1.0.1 === 10.2.5.1: in 10.2.0.0/16 of no_ipsec_subnets' "$SCRATCH/planned" || fail "plan does not say who leaves"
grep -q 'Pairs with SAs: 1 keep them, 1 lose them' "$SCRATCH/planned" || fail "plan does not say who stays"
again 0 bypass
row "ikemesh bypass, from there" "${BYPASS[@]}"
! on a ip xfrm state list | grep -q 10.2.5.1 || fail "SAs with 10.2.5.1 are left: $(on a ip xfrm state list)"
[ "$(on a ip xfrm state list | grep -c '10.1.1.11 ')" = "$before" ] || fail "the SAs with 10.1.1.11 are others"

for ORDER in 0 1; do
	lists s "$ORDER" bypass
	start s
	PAST=$(count "src $(address s)")
	wire s
	row "strongSwan $((ORDER + 1))" "${BYPASS[@]}"
	stop s
done
