# SPDX-License-Identifier: Apache-2.0
# Certificates are replaced under constant traffic, host by host: nothing is lost with an ikemesh end, and
# every pair is authenticated anew. Three hosts; the -six cases have four ikemesh and two strongSwan.
# Beside them two ikemesh hosts that nobody touches ping each other: rounds in which the guest, when it is
# short of CPU, loses packets between these as well are not counted.
# instance   procedure 1: a new instance certificate
# ca         procedure 2: a new CA, in three steps; a step that comes too early is refused
# cases: instance ca
# long: instance-six ca-six
# timeout: 500
# takes: 60
[ "${LAB_IKEMESH:-ikemesh}" = ikemesh ] || skip "this is about ikemesh"
IFS=- read -r what size <<<"$1"
ours=(a b) theirs=(e)
[ -z "$size" ] || ours=(a b c d) theirs=(e f)
all=("${ours[@]}" "${theirs[@]}")

ca old
ca new
for h in "${all[@]}"; do
	cert "$h-1" old
	[ "$what" = instance ] && cert "$h-2" old || cert "$h-2" new
done
n=0
for h in "${all[@]}"; do
	n=$((n + 1))
	kind=ikemesh
	[[ " ${theirs[*]} " != *" $h "* ]] || kind=strongswan
	host "$h" $kind "10.1.0.$n/16"
	mkdir -p "$SCRATCH/$h/own"
	configure "$h" certificate="own-$h" ca=old
	[ $kind = ikemesh ] || configure "$h" conn='    reauth=no'
done
# What the hosts' configurations name are files of their own, which are replaced.
own() { # HOST CERTIFICATE
	cp "$CERTS/$2.pem" "$CERTS/own-$1.pem.new" && mv "$CERTS/own-$1.pem.new" "$CERTS/own-$1.pem"
	cp "$CERTS/$2.key" "$CERTS/own-$1.key.new" && mv "$CERTS/own-$1.key.new" "$CERTS/own-$1.key"
	chmod 600 "$CERTS/own-$1.key"
}
for h in "${all[@]}"; do own "$h" "$h-1"; done
ca third
cert aside third
host p ikemesh 10.9.0.1/16
host q ikemesh 10.9.0.2/16
for h in p q; do configure $h certificate=aside ca=third ipsec_subnets=10.9.0.0/16; done
acquaint "${all[@]}" p q
start "${all[@]}" p q
capture
bring_up p q

pairs=()
for x in "${all[@]}"; do
	for y in "${all[@]}"; do
		[[ $x < $y ]] || continue
		bring_up "$x" "$y"
		pairs+=("$x $y")
	done
done
# Each pair is pinged from its first host, each 5 ms, until the file `over` is there.
for p in "${pairs[@]}"; do
	read -r x y <<<"$p"
	echo "$x $(address "$y")"
done >"$SCRATCH/streams"
echo "p 10.9.0.2" >>"$SCRATCH/streams"
"$FAN" -k -c 60000 -i 5 -w 2000 <"$SCRATCH/streams" >"$SCRATCH/sent" 2>"$SCRATCH/fan.err" &
fan=$!
nap 1

load() { # HOST: its configuration anew, as lab.sh makes it
	case ${KIND[$1]} in
	ikemesh)
		ikemesh_config "$1" >"$SCRATCH/$1/ikemesh.yml"
		ikectl "$1" reload >"$SCRATCH/out" 2>&1
		;;
	strongswan)
		rm -f "$SCRATCH/$1/ipsec.d/cacerts/"*
		for c in $(option "$1" ca); do cp "$CERTS/$c.pem" "$SCRATCH/$1/ipsec.d/cacerts/"; done
		ipsec_ "$1" rereadsecrets >/dev/null
		ipsec_ "$1" purgecerts >/dev/null
		ipsec_ "$1" rereadcacerts >/dev/null
		ipsec_ "$1" reload >/dev/null 2>&1
		nap 2
		;;
	esac
}
must_load() { load "$1" || fail "$1 is not reloaded: $(cat "$SCRATCH/out")"; }
rotate() { # HOST
	[ "${KIND[$1]}" = ikemesh ] || return 0
	ikectl "$1" rotate --wait >"$SCRATCH/out" 2>&1 || fail "$1: $(cat "$SCRATCH/out"); $(ikectl "$1" rotate status)"
	say "$1: $(tail -n 1 "$SCRATCH/out")"
}
everywhere() { # DO…: on each host in turn, and then once more for what the later ones have made of it
	local h
	for h in "${all[@]}"; do
		"$@" "$h"
		must_load "$h"
		rotate "$h"
	done
	for h in "${ours[@]}"; do rotate "$h"; done
}
refused() { # HOST PART: the configuration that it would have is refused, naming a peer
	local was=$SCRATCH/$1/ikemesh.yml.was rc=0
	cp "$SCRATCH/$1/ikemesh.yml" "$was"
	! load "$1" || fail "$1 takes a configuration that cuts peers off"
	grep -q "$2" "$SCRATCH/out" || fail "$1 refuses without saying /$2/: $(cat "$SCRATCH/out")"
	say "$1: $(cat "$SCRATCH/out")"
	ikectl "$1" check "$SCRATCH/$1/ikemesh.yml" >"$SCRATCH/out" || rc=$?
	[ $rc = 2 ] || fail "check says $rc, not 2: $(cat "$SCRATCH/out")"
	rc=0
	ikectl "$1" plan >"$SCRATCH/out" || rc=$?
	[ $rc = 2 ] && grep -q "$2" "$SCRATCH/out" || fail "plan says $rc, not 2 and /$2/: $(cat "$SCRATCH/out")"
	cp "$was" "$SCRATCH/$1/ikemesh.yml"
}

second() { own "$1" "$1-2"; }
both() { configure "$1" ca="old new"; }
only_new() { configure "$1" ca=new; }
case $what in
instance) everywhere second ;;
ca)
	# 2 before 1 has come to the others
	both a
	must_load a
	own a a-2
	refused a 'would refuse the new instance_certificate'
	own a a-1
	everywhere both
	ikectl a rotate status >"$SCRATCH/status"
	grep -q 'certificates under it: NOT SAFE' "$SCRATCH/status" && fail "after step 1: $(cat "$SCRATCH/status")"
	# 3 before 2
	second a
	must_load a
	rotate a
	only_new a
	refused a 'would be refused under the new ca_certificates'
	both a
	must_load a
	everywhere second
	ikectl a rotate status >"$SCRATCH/status"
	grep -q 'removing it: safe here' "$SCRATCH/status" || fail "after step 2: $(cat "$SCRATCH/status")"
	everywhere only_new
	for h in "${ours[@]}"; do
		! ikectl "$h" certs | grep -q 'CN=old' || fail "the old CA is still on $h: $(ikectl "$h" certs)"
	done
	;;
esac
nap 1
kill -TERM $fan
wait $fan || true

# Each pair has shown the second certificates, both ways.
for h in "${ours[@]}"; do
	ikectl "$h" rotate status >"$SCRATCH/status"
	! grep -E 'OLDER certificate|[a-f]-1"' "$SCRATCH/status" || fail "$h: $(cat "$SCRATCH/status")"
	[ "$(grep -c 'we showed our certificate of now' "$SCRATCH/status")" = $((${#all[@]} - 1)) ] || fail "$h: $(cat "$SCRATCH/status")"
	for other in "${all[@]}"; do
		[ "$other" = "$h" ] || grep -q "it showed \"O=lab, CN=$other-2\"" "$SCRATCH/status" || fail "$h and $other: $(cat "$SCRATCH/status")"
	done
done
# FROM TO SENT LOST BESIDES: lost, and lost where p lost some three rounds around as well
awk '
	function each(list, then,   parts, ends, n, i, k) {
		n = split(list == "-" ? "" : list, parts, ",")
		for (i = 1; i <= n; i++) {
			split(parts[i], ends, "-")
			for (k = ends[1] + 0; k <= (ends[2] == "" ? ends[1] : ends[2]) + 0; k++) then[k]
		}
	}
	$1 == "p" { each($6, beside); for (k in beside) for (i = -3; i <= 3; i++) stalled[k + i]; next }
	{ line[++lines] = $0 }
	END {
		for (l = 1; l <= lines; l++) {
			split(line[l], f, " "); split("", lost); n = besides = 0
			each(f[6], lost)
			for (k in lost) if (k in stalled) besides++; else n++
			print f[1], f[2], f[3], n, besides, f[6]
		}
	}' "$SCRATCH/sent" >"$SCRATCH/lost"
ours_lost=0 ours_sent=0 mixed_lost=0 mixed_sent=0 swan_lost=0 swan_sent=0 stalled=0
while read -r x to sent lost besides which; do
	y=
	for h in "${all[@]}"; do [ "$(address "$h")" != "$to" ] || y=$h; done
	say "$x to $y: $sent sent, lost: $which"
	stalled=$((stalled + besides))
	case ${KIND[$x]}-${KIND[$y]} in
	ikemesh-ikemesh) ours_lost=$((ours_lost + lost)) ours_sent=$((ours_sent + sent)) ;;
	strongswan-strongswan) swan_lost=$((swan_lost + lost)) swan_sent=$((swan_sent + sent)) ;;
	*) mixed_lost=$((mixed_lost + lost)) mixed_sent=$((mixed_sent + sent)) ;;
	esac
done <"$SCRATCH/lost"
report "lost: $ours_lost of $ours_sent between ikemesh hosts, $mixed_lost of $mixed_sent with strongSwan, $swan_lost of $swan_sent between strongSwans; $stalled more while the guest lost between untouched hosts too"
for h in "${ours[@]}"; do say "$h: $(on "$h" cat /proc/net/xfrm_stat | awk '$2 > 0 { printf "%s %s, ", $1, $2 }')"; done
[ $ours_lost = 0 ] || fail "$ours_lost pings lost between ikemesh hosts"
[ $mixed_lost = 0 ] || fail "$mixed_lost pings lost between ikemesh and strongSwan"
expect_no_clear a b
expect_no_clear a e
expect_alive "${all[@]}"
