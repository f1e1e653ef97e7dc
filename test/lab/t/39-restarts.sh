# SPDX-License-Identifier: Apache-2.0
# A host with ten peers, half of them strongSwan, and pings both ways with each of them, while its ikemeshd is
# restarted by systemd, upgraded to a higher version of the package, and killed (kill -9), again and again
# and while keys are replaced every few seconds: no packet is lost, none is in the clear, nobody negotiates
# afresh; and afterwards rekeying and deletion still work with each peer. Two of the peers, others each time,
# are pinged every 2 ms, the rest every 50 ms: more the guest cannot carry.
# Then the same host with strongSwan, and `ipsec restart`, for comparison.
# LAB_ROUNDS says how often.
# boots
# cases: few
# long: many
# timeout: 1800
# takes: 90
case $1 in few) ROUNDS=${LAB_ROUNDS:-2} ;; many) ROUNDS=${LAB_ROUNDS:-20} ;; esac
PEERS=10
. "$LAB_TOP/test/lab/certs.sh"
deb=$(ls "$LAB_TOP"/build/deb/ikemesh_*.deb 2>/dev/null | tail -n 1)
[ -n "$deb" ] || fail "there is no package: ./run deb"
[ -x "$LAB_TOP/build/test/fan" ] || fail "there is no build/test/fan"
ca ca
cert instance ca
machine m
at=$SCRATCH/m
files=$at/files
mkdir -p "$files/usr/local/sbin" "$files/usr/local/bin" "$at/debs" "$at/keys"
cp "$LAB_TOP/build/test/fan" "$files/usr/local/bin/"
cp "$CERTS"/instance.pem "$CERTS"/ca.pem "$CERTS"/instance.key "$at/keys/"
cp "$deb" "$at/debs/0.deb"
dpkg-deb -R "$deb" "$SCRATCH/higher"
for i in $(seq "$ROUNDS"); do
	sed -i "s/^\(Version: [^+]*\).*/\1+$i/" "$SCRATCH/higher/DEBIAN/control"
	dpkg-deb --root-owner-group -Znone -b "$SCRATCH/higher" "$at/debs/$i.deb" >/dev/null
done
unit m lab-main.service <<'UNIT'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=-/bin/bash /usr/local/sbin/lab-main
ExecStart=/bin/bash -c 'journalctl -b -o short-monotonic >/lab/journal; sync; echo o >/proc/sysrq-trigger; sleep 9'
UNIT
printf 'ROUNDS=%s\nPEERS=%s\n' "$ROUNDS" "$PEERS" >"$files/usr/local/sbin/lab-main"
cat >>"$files/usr/local/sbin/lab-main" <<'SH'
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
trouble() { echo "$*" >>/lab/trouble; }
is_strongswan() { [ $(($1 % 2)) = 0 ]; }
on() { local i=$1; shift; ip netns exec "p$i" "$@"; }
wait_for() { # SECONDS COMMAND…
	local i n=$(($1 * 10))
	shift
	for ((i = 0; i < n; i++)); do "$@" >/dev/null 2>&1 && return 0; sleep 0.1; done
	return 1
}

# --- hosts: namespaces on one bridge, but for the machine itself
network() {
	ip netns add lan
	ip -n lan link add wire type bridge
	ip -n lan link set wire up
	ip link add eth0 type veth peer name w-m netns lan
	ip -n lan link set w-m master wire up
	ip link set eth0 up
	ip addr add 10.1.0.100/16 dev eth0
	mkdir -p /run/netns
	ln -s /proc/1/ns/net /run/netns/m
	for i in $(seq $PEERS); do
		ip netns add "p$i"
		ip -n lan link add "w-p$i" type veth peer name eth0 netns "p$i"
		ip -n lan link set "w-p$i" master wire up
		ip -n "p$i" link set lo up
		ip -n "p$i" link set eth0 up
		ip -n "p$i" addr add "10.1.0.$i/16" dev eth0
	done
}
strongswan_files() { # DIR OWN: as the add-on has it
	mkdir -p "$1/run" "$1"/ipsec.d/{cacerts,aacerts,ocspcerts,acerts,crls}
	cp /lab/keys/ca.pem "$1/ipsec.d/cacerts/"
	cat >"$1/ipsec.conf" <<CONF
config setup
    uniqueids=no
conn %default
    keyexchange=ikev2
    type=transport
    leftcert=/lab/keys/instance.pem
    ike=aes128-sha256-modp2048!
    esp=aes128gcm16!
    reauth=no
conn ipsec
    left=$2
    leftsubnet=$2
    right=%any
    rightsubnet=10.1.0.0/16
    auto=route
CONF
	echo ': PKCS8 /lab/keys/instance.key' >"$1/ipsec.secrets"
	cat >"$1/strongswan.conf" <<CONF
charon {
    load = aes sha1 sha2 md5 hmac kdf mgf1 gmp nonce random drbg fips-prf xcbc pem pkcs1 pkcs8 x509 pubkey revocation constraints kernel-netlink socket-default stroke updown counters
    filelog {
        log {
            path = $1/log
            default = 1
            flush_line = yes
        }
    }
}
CONF
}
strongswan_in() { # DIR: here, with files of its own
	mount --make-rprivate /
	for f in ipsec.conf ipsec.secrets strongswan.conf ipsec.d; do mount --bind "$1/$f" "/etc/$f"; done
	mount --bind "$1/run" /run
	exec /usr/lib/ipsec/starter --nofork --daemon charon >"$1/starter" 2>&1
}
export -f strongswan_in
routed() { on "$1" ip xfrm policy list dir out | grep -q 'mode transport'; }
peers() {
	for i in $(seq $PEERS); do
		mkdir -p "/var/p$i"
		if is_strongswan "$i"; then
			strongswan_files "/var/p$i" "10.1.0.$i"
			on "$i" unshare -m bash -c "strongswan_in /var/p$i" &
		else
			sed 's|/etc/ikemesh/|/lab/keys/|; s/^esp_lifetime.*/log: stderr/; /lifetime/d' /etc/ikemesh/ikemesh.yml >"/var/p$i/ikemesh.yml"
			on "$i" /usr/sbin/ikemeshd --config "/var/p$i/ikemesh.yml" --run-dir "/var/p$i/run" --state-dir "/var/p$i/state" 2>"/var/p$i/log" &
		fi
	done
	for i in $(seq $PEERS); do wait_for 30 routed "$i" || trouble "p$i does not start"; done
}

# --- a watch on the wire: what is neither ESP nor IKE, and each IKE_SA_INIT
watch_wire() { # NAME
	ip netns exec lan tcpdump -i wire -n -Z root -U --immediate-mode -w "/run/$1.pcap" 'ip and not esp' 2>/run/tcpdump.log &
	WATCH=$!
	wait_for 10 grep -q 'listening on' /run/tcpdump.log || trouble "no watch on the wire"
}
watch_end() { # NAME
	sleep 0.3
	kill $WATCH
	wait $WATCH
	tcpdump -n -r "/run/$1.pcap" 'host 10.1.0.100 and not udp port 500 and not udp port 4500' 2>/dev/null | wc -l >"/lab/$1.clear"
	tcpdump -n -r "/run/$1.pcap" 'udp port 500 and udp[26] = 34' 2>/dev/null | wc -l >"/lab/$1.init"
	tcpdump -n -r "/run/$1.pcap" 'udp port 500 and udp[26] = 36' 2>/dev/null | wc -l >"/lab/$1.rekeys"
}

# --- pings, from two processes
streams() { # PEER…
	for i in "$@"; do printf 'm 10.1.0.%s\np%s 10.1.0.100\n' "$i" "$i"; done
}
pings_all() { streams $(seq $PEERS) | fan -k -u 9050 -c 65535 -i 50 -w 2000 >"/run/$1.all" & ALL=$!; }
pings_fast() { # NAME ROUND: two neighbours, of which one is strongSwan
	local first=$((($2 * 2 - 2) % PEERS + 1))
	streams $first $((first + 1)) | fan -k -u 9002 -c 65535 -i 2 -w 2000 >"/run/$1.fast-$2" &
	FAST=$!
}
pings_end() { kill -TERM $1; wait $1; }
phase() { # NAME: `NAME N` each time
	watch_wire "$1"
	pings_all "$1"
	for n in $(seq $ROUNDS); do
		pings_fast "$1" "$n"
		sleep 0.3
		"$1" "$n" || trouble "$1 $n failed"
		sleep 0.7
		pings_end $FAST
	done
	pings_end $ALL
	watch_end "$1"
	cat "/run/$1.all" >"/lab/$1.all"
	cat "/run/$1".fast-* >"/lab/$1.fast"
}
restart() { systemctl restart ikemesh; }
upgrade() { dpkg -i "/lab/debs/$1.deb" >>/lab/upgrades 2>&1; }
is_new() { [ "$(systemctl show -p MainPID --value ikemesh)" != "$1" ] && systemctl -q is-active ikemesh; }
killed() {
	local was=$(systemctl show -p MainPID --value ikemesh)
	kill -KILL "$was"
	wait_for 20 is_new "$was"
}

# --- afterwards
sas() { ip netns exec "$1" ip xfrm state list | awk -v a="$2" -v b="$3" '/^src/ { sa = $2 " " $4 } /aead/ { n += sa == a " " b || sa == b " " a } END { print n + 0 }'; }
none_left() { [ "$(sas m 10.1.0.100 "10.1.0.$1")" = 0 ] && [ "$(sas "p$1" 10.1.0.100 "10.1.0.$1")" = 0 ]; }
spis() { ip netns exec "p$1" ip xfrm state list | awk -v a="10.1.0.$1" '/^src/ { out = $2 == a } out && /spi/ { print $4 }' | sort; }
has_other_spi() { local now=$(spis "$1"); [ -n "$now" ] && [ "$now" != "$2" ]; }
ike_rekeyed() { # how often, as the peer says
	if is_strongswan "$1"; then grep -c 'IKE_SA .* rekeyed between' "/var/p$1/log"; else grep -c 'IKE SA .* rekeyed' "/var/p$1/log"; fi
}
has_ike_rekeyed() { [ "$(ike_rekeyed "$1")" -gt "$2" ]; }
afterwards() {
	for i in $(seq $PEERS); do
		local was=$(spis "$i") often=$(ike_rekeyed "$i")
		ikectl rekey "10.1.0.$i" >/dev/null
		wait_for 10 has_other_spi "$i" "$was" && echo "rekeyed $i" >>/lab/afterwards
		ikectl rekey-ike "10.1.0.$i" >/dev/null
		wait_for 10 has_ike_rekeyed "$i" "$often" && echo "ike-rekeyed $i" >>/lab/afterwards
		ping -n -c 3 -i 0.1 -W 2 "10.1.0.$i" | grep -q ' 0% packet loss' && echo "reached $i" >>/lab/afterwards
		ikectl down "10.1.0.$i" >/dev/null
		wait_for 10 none_left "$i" && echo "deleted $i" >>/lab/afterwards
	done
}

# --- strongSwan in our place
ipsec_restart() {
	nsenter -t "$(cat /var/s/run/starter.charon.pid)" -m ipsec restart >>/var/s/restart 2>&1
	wait_for 20 bash -c "ip xfrm policy list dir out | grep -q 'mode transport'"
	sleep 1
}
compare() {
	systemctl stop ikemesh
	ikectl disable >/lab/disabled 2>&1
	strongswan_files /var/s 10.1.0.100
	unshare -m bash -c 'strongswan_in /var/s' &
	wait_for 30 bash -c "ip xfrm policy list dir out | grep -q 'mode transport'" || trouble "strongSwan does not start here"
	for i in $(seq $PEERS); do wait_for 20 ping -c 1 -W 1 "10.1.0.$i"; done
	phase ipsec_restart
}

# One CPU for all of these hosts: where it is wanted elsewhere for half a second, what they send to each other
# would be thrown away.
echo 100000 >/proc/sys/net/core/netdev_max_backlog
network
dpkg -i /lab/debs/0.deb >/lab/install 2>&1 || trouble "not installed"
cp /lab/keys/* /etc/ikemesh/
cat >/etc/ikemesh/ikemesh.yml <<'YML'
ipsec_subnets: [10.1.0.0/16]
instance_certificate: /etc/ikemesh/instance.pem
instance_private_key: /etc/ikemesh/instance.key
ca_certificates: [/etc/ikemesh/ca.pem]
esp_lifetime: 11s
ike_lifetime: 29s
YML
systemctl enable --now ikemesh 2>/lab/enable || trouble "not started"
peers
for i in $(seq $PEERS); do wait_for 20 ping -n -c 1 -W 1 "10.1.0.$i" || trouble "p$i does not answer"; done
for what in restart upgrade killed; do phase $what; done
dpkg-query -W -f '${Version}\n' ikemesh >/lab/version
afterwards
compare
for i in $(seq $PEERS); do cp "/var/p$i/log" "/lab/p$i.log"; done
: >/lab/done
SH
enable m lab-main.service multi-user.target
boot m

one() { tr '\n' ' ' <"$at/$1" | sed 's/ $//'; }
journal() { grep -aE 'ikemesh|lab-main' "$at/journal" | tail -n "${1:-20}"; }
# pings NAME: sets SENT, LOST, MOST, RATE, by the lines of fan: MOST in a row were lost of a stream
pings() {
	read -r SENT LOST MOST < <(awk -v most=0 '
		{ sent += $3; lost += $3 - $4; n = split($6, parts, ",") }
		{ for (i = 1; i <= n; i++) { split(parts[i], ends, "-"); run = ends[2] == "" ? 1 : ends[2] - ends[1] + 1; if ($6 != "-" && run > most) most = run } }
		END { print sent + 0, lost + 0, most }' "$at/$1")
	[ "$SENT" -gt 100 ] || fail "$1: $(tail -n 3 "$at/$1"); $(journal)"
}
told() { # NAME WORDS: sets ALL_LOST, too
	local fast
	pings "$1.fast"
	fast="$LOST of $SENT echo requests at 2 ms"
	ALL_LOST=$LOST
	pings "$1.all"
	ALL_LOST=$((ALL_LOST + LOST))
	report "$2: $fast and $LOST of $SENT at 50 ms lost; $(one "$1.init") IKE_SA_INITs, $(one "$1.clear") packets in the clear${3:+; $3}"
}
[ -e "$at/done" ] || fail "it did not come to its end: $(journal)"
[ ! -e "$at/trouble" ] || fail "$(one trouble); $(journal 40)"
bad=
for what in restart upgrade killed; do
	case $what in
	restart) words="$ROUNDS times systemctl restart" ;;
	upgrade) words="$ROUNDS upgrades, to $(one version)" ;;
	killed) words="$ROUNDS times kill -9" ;;
	esac
	told "$what" "$words" "$(one "$what.rekeys") messages of rekeyings meanwhile"
	[ "$ALL_LOST $(one "$what.init") $(one "$what.clear")" = '0 0 0' ] || bad+="$what: $ALL_LOST lost; "
done
# More than ten where one was just being rekeyed.
taken=$(grep -acE 'taken over from the predecessor(, which died)?: (1[0-9]|20) IKE SA' "$at/journal" || true)
[ "$taken" = $((3 * ROUNDS)) ] || bad+="only $taken successors took ten IKE SAs over; "
report "afterwards: $(grep -c '^rekeyed' "$at/afterwards") of $PEERS CHILD_SAs rekeyed, $(grep -c '^ike-rekeyed' "$at/afterwards") IKE SAs, $(grep -c '^deleted' "$at/afterwards") deleted on both sides"
[ "$(wc -l <"$at/afterwards")" = $((4 * PEERS)) ] || bad+="afterwards: $(one afterwards); "
told ipsec_restart "strongSwan in its place, $ROUNDS times ipsec restart"
report "and its longest outage: $((MOST * 50)) ms"
[ -z "$bad" ] || fail "$bad$(journal 40)"
