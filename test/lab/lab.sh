# SPDX-License-Identifier: Apache-2.0
# The words that lab tests are written in. `cell` starts a test with this file sourced: in PID, mount and
# network namespaces of its own, as root, with everything below $SCRATCH to itself. When the test
# ends, its processes, hosts, mounts and addresses are gone with it. docs/lab.md is the introduction.
set -euo pipefail
shopt -s inherit_errexit

BIN=${IKEMESH_BIN:-$LAB_TOP/build/bin}
FAN=$LAB_TOP/build/test/fan # pings of many hosts to many others: its source says how
declare -A KIND=() ADDRS=() ADDRESS=() PID=() OPTION=() CONN_EXTRA=()
HOSTS=()
FAMILY=4
CAPTURE_PID=

. "$LAB_TOP/test/lab/story.sh"

# --- hosts -----------------------------------------------------------------------------------------------

# host NAME KIND ADDR/LEN…: a host on the common wire. KIND is ikemesh, strongswan or plain.
host() {
	local name=$1 a
	KIND[$name]=$2
	[ "$2" != ikemesh ] || KIND[$name]=${LAB_IKEMESH:-ikemesh}
	shift 2
	say "host $name: ${KIND[$name]} $*"
	HOSTS+=("$name")
	mkdir -p "$SCRATCH/$name"
	: >"$SCRATCH/$name/log"
	ip -batch - <<-IP
		netns add $name
		link add w-$name type veth peer name eth0 netns $name
		link set w-$name master wire up
	IP
	{
		echo "link set lo up"
		echo "link set eth0 up"
		for a in "$@"; do
			ADDRS[$name]+=" $a"
			case $a in
			*:*) echo "addr add $a dev eth0 nodad" && ADDRESS[$name.6]+=" ${a%/*}" ;;
			*) echo "addr add $a dev eth0" && ADDRESS[$name.4]+=" ${a%/*}" ;;
			esac
		done
	} >"$SCRATCH/$name/ip"
	ip -n "$name" -batch "$SCRATCH/$name/ip"
}

# acquaint NAME…: each knows the hardware addresses of the others beforehand, so that nothing waits for ARP
# (and a kernel keeps 1,024 that it has asked for, for all of its namespaces)
acquaint() {
	local name a i mac=() all=()
	for name in "$@"; do
		read -r a _ <<<"${ADDRESS[$name.4]}"
		printf -v a '02:00:%02x:%02x:%02x:%02x' ${a//./ }
		mac+=("$a")
		i=${#mac[@]}
		for a in ${ADDRESS[$name.4]}; do all+=("neigh replace $a lladdr ${mac[i - 1]} dev eth0 nud permanent"); done
	done
	i=0
	for name in "$@"; do
		{
			echo "link set eth0 address ${mac[i++]}"
			printf '%s\n' "${all[@]}"
		} >"$SCRATCH/$name/ip"
		ip -n "$name" -batch "$SCRATCH/$name/ip"
	done
}

# on NAME COMMAND…: run something on that host
on() {
	local name=$1
	shift
	nsenter "--net=/run/netns/$name" "$@"
}

family() { FAMILY=$1; }

# address NAME: its first address of the family in use. at NAME… puts the addresses of several into AT.
address() { at "$1" && echo "${AT[0]}"; }
at() {
	local name a
	AT=()
	for name in "$@"; do
		read -r a _ <<<"${ADDRESS[$name.$FAMILY]-}"
		AT+=("${a:?host $name has no address of family $FAMILY}")
	done
}

# configure NAME|all KEY=VALUE…: certificate, ca, ipsec_subnets, no_ipsec_subnets (these three may
# be lists), optional, esp_proposals, ike_proposals
configure() {
	local name=$1 kv
	shift
	for kv in "$@"; do OPTION[$name.${kv%%=*}]=${kv#*=}; done
}
option() { echo "${OPTION[$1.$2]-${OPTION[all.$2]-}}"; }
opt() { VALUE=${OPTION[$1.$2]-${OPTION[all.$2]-}}; } # the same, without a process
OPTION[all.certificate]=instance
OPTION[all.ca]=ca
OPTION[all.ipsec_subnets]='10.1.0.0/16 fd00:1::/64'
OPTION[all.esp_proposals]='aes128gcm16!'
OPTION[all.plugins]='aes sha1 sha2 md5 hmac kdf mgf1 gmp nonce random drbg fips-prf xcbc pem pkcs1 pkcs8 x509 pubkey revocation constraints kernel-netlink socket-default stroke updown counters'
OPTION[all.ike_proposals]='aes128-sha256-modp2048!'

# start NAME…: start the daemon of each and wait until its policies stand
start() {
	local name
	for name in "$@"; do "_prepare_${KIND[$name]}" "$name"; done
	for name in "$@"; do
		say "start $name"
		"_start_${KIND[$name]}" "$name"
	done
	for name in "$@"; do "_ready_${KIND[$name]}" "$name"; done
}

# stop NAME…: end it as a service manager would; crash NAME…: as the OOM killer would
stop() {
	local name
	for name in "$@"; do
		say "stop $name"
		kill -TERM "${PID[$name]}"
		_gone "$name" || fail "$name does not stop"
	done
}
crash() {
	local name
	for name in "$@"; do
		say "crash $name"
		[ "${KIND[$name]}" != strongswan ] || kill -KILL "$(cat "$SCRATCH/$name/run/charon.pid")"
		kill -KILL "${PID[$name]}"
		_gone "$name" || fail "$name is not dead"
	done
}
_gone() {
	local i
	for i in $(seq 200); do
		if ! kill -0 "${PID[$1]}" 2>/dev/null; then
			unset "PID[$1]"
			return 0
		fi
		nap 0.05
	done
	return 1
}
alive() { kill -0 "${PID[$1]-none}" 2>/dev/null; }
expect_alive() {
	local name
	for name in "$@"; do alive "$name" || fail "the daemon of $name has ended: $(tail -n 5 "$SCRATCH/$name/log")"; done
}

_prepare_plain() { :; }
_start_plain() { :; }
# cpu_of NAME: CPU (ms) that its daemon has taken so far, with all its processes
cpu_of() {
	local todo=("${PID[$1]}") pid line ms=0 more
	while [ ${#todo[@]} -gt 0 ]; do
		pid=${todo[0]} todo=("${todo[@]:1}")
		read -r line <"/proc/$pid/stat"
		set -- ${line##*) }
		ms=$((ms + (${12} + ${13}) * 10))
		for line in "/proc/$pid/task"/*/children; do
			read -r more <"$line" || true
			todo+=($more)
		done
	done
	echo $ms
}
_ready_plain() { :; }

# --- ikemesh ---------------------------------------------------------------------------------------------

_list() { # KEY VALUES…: a YAML list
	local key=$1 v
	shift
	[ $# -gt 0 ] || return 0
	echo "$key:"
	for v in "$@"; do echo "  - $v"; done
}

ikemesh_config() { # NAME: what its configuration says
	local name=$1 c cas=()
	opt "$name" certificate
	c=$CERTS/$VALUE
	opt "$name" key
	local key=${VALUE:-$c.key}
	opt "$name" ca
	for VALUE in $VALUE; do cas+=("$CERTS/$VALUE.pem"); done
	echo "log: stderr"
	opt "$name" ipsec_subnets && _list ipsec_subnets $VALUE
	opt "$name" no_ipsec_subnets && _list no_ipsec_subnets $VALUE
	echo "instance_certificate: $c.pem"
	echo "instance_private_key: $key"
	_list ca_certificates "${cas[@]}"
	opt "$name" esp_proposals && echo "esp_proposals: $VALUE"
	opt "$name" ike_proposals && echo "ike_proposals: $VALUE"
	opt "$name" optional && [ -z "$VALUE" ] || echo "optional: $VALUE"
	opt "$name" yaml && [ -z "$VALUE" ] || echo "$VALUE"
}

_prepare_ikemesh() {
	ikemesh_config "$1" >"$SCRATCH/$1/ikemesh.yml"
	[ ! -e "$SCRATCH/$1/run/control.sock" ] || rm -f "$SCRATCH/$1/run/control.sock"
}
_start_ikemesh() {
	opt "$1" arguments
	nsenter "--net=/run/netns/$1" "$BIN/ikemeshd" --config "$SCRATCH/$1/ikemesh.yml" \
		--run-dir "$SCRATCH/$1/run" --state-dir "$SCRATCH/$1/state" $VALUE >>"$SCRATCH/$1/log" 2>&1 &
	PID[$1]=$!
	disown
}
_ready_ikemesh() {
	until_ok 20 _ready_or_dead "$1" && alive "$1" || fail "$1 is not ready: $(tail -n 5 "$SCRATCH/$1/log")"
}
_ready_or_dead() { [ -S "$SCRATCH/$1/run/control.sock" ] || ! alive "$1"; }
# process NAME engine|keyholder: the number of that one of its processes
process() {
	local p word
	for p in $(cat "/proc/${PID[$1]}/task/${PID[$1]}/children"); do
		while read -r -d '' word; do
			[ "$word" != "--$2" ] || { echo "$p"; return 0; }
		done <"/proc/$p/cmdline"
	done 2>/dev/null
	return 1
}
ikectl() { # NAME ARGUMENT…
	local name=$1
	shift
	on "$name" "$BIN/ikectl" --run-dir "$SCRATCH/$name/run" "$@"
}

# --- strongSwan, set up as the add-on does it ------------------------------------------------------------

ipsec_conf() { # NAME
	local name=$1 own net type
	echo "config setup
    uniqueids=no
conn %default
    keyexchange=ikev2
    type=transport
    leftcert=$CERTS/$(option "$name" certificate).pem
    ike=$(option "$name" ike_proposals)
    esp=$(option "$name" esp_proposals)
    $(option "$name" conn)"
	for net in $(option "$name" ipsec_subnets); do
		for own in ${ADDRESS[$name.$(_family "$net")]-}; do
			echo "conn ipsec-$net-$own
    left=$own
    leftsubnet=$own
    right=$(_any "$net")
    rightsubnet=$net
    auto=route"
		done
	done
	for net in $(option "$name" no_ipsec_subnets); do
		echo "conn no-ipsec-$net
    right=$(_any "$net")
    rightsubnet=$net
    type=passthrough
    auto=route"
	done
	# Neighbour discovery (types 135 and 136) has to work before there is an SA.
	for type in 34560 34816; do
		echo "conn neighbours-$type
    left=::1
    right=::1
    leftsubnet=::/0[ipv6-icmp/$type]
    rightsubnet=::/0[ipv6-icmp/$type]
    type=passthrough
    auto=route"
	done
}
_family() { case $1 in *:*) echo 6 ;; *) echo 4 ;; esac } # CIDR
_any() { case $1 in *:*) echo %any6 ;; *) echo %any ;; esac } # with %any, the kernel refuses an IPv6 trap
_prepare_strongswan() {
	local d=$SCRATCH/$1
	mkdir -p "$d/run" "$d"/ipsec.d/{cacerts,aacerts,ocspcerts,acerts,crls}
	for ca in $(option "$1" ca); do cp "$CERTS/$ca.pem" "$d/ipsec.d/cacerts/"; done
	ipsec_conf "$1" >"$d/ipsec.conf"
	echo ": PKCS8 $CERTS/$(option "$1" certificate).key" >"$d/ipsec.secrets"
	# Without bypass-lan, which would exempt the local network; otherwise Debian's own plug-ins.
	echo "charon {
    load = $(option "$1" plugins)
    $(option "$1" charon)
    filelog {
        stderr {
            default = 1
            flush_line = yes
            time_format = %T
        }
    }
}" >"$d/strongswan.conf"
}
_start_strongswan() {
	nsenter "--net=/run/netns/$1" unshare -m sh -c '
		d=$1
		mount --make-rprivate /
		for f in ipsec.conf ipsec.secrets strongswan.conf ipsec.d; do mount --bind "$d/$f" "/etc/$f"; done
		mount --bind "$d/run" /run
		mount --bind /dev/null /dev/console # where its starter would log to
		exec /usr/lib/ipsec/starter --nofork --daemon charon' sh "$SCRATCH/$1" >>"$SCRATCH/$1/log" 2>&1 &
	PID[$1]=$!
	disown
}
_ready_strongswan() {
	local line want=0
	while read -r line; do [[ $line != 'conn ipsec-'* ]] || want=$((want + 1)); done <"$SCRATCH/$1/ipsec.conf"
	until_ok 30 _routed "$1" "$want" || fail "$1 is not ready: $(tail -n 5 "$SCRATCH/$1/log")"
}
_routed() { # NAME N: it has at least N policies
	local have
	have=$(ip -n "$1" xfrm policy list dir out)
	have=${have//mode transport/$'\1'} && have=${have//[!$'\1']/}
	[ ${#have} -ge "$2" ]
}
ipsec_() { # NAME ARGUMENT…
	local name=$1
	shift
	nsenter -t "${PID[$name]}" -m -n ipsec "$@"
}

# --- what the hosts say ----------------------------------------------------------------------------------

status() { # NAME: statusall of whatever runs there
	case ${KIND[$1]} in
	ikemesh) ikectl "$1" statusall ;;
	strongswan) ipsec_ "$1" statusall ;;
	esac
}

# expect_status NAME REGEX [SECONDS], expect_log NAME REGEX [SECONDS]
expect_status() {
	until_ok "${3:-5}" _status_has "$1" "$2" || fail "statusall of $1 does not say /$2/: $(status "$1")"
	say "statusall of $1 says /$2/"
}
_status_has() { [[ $(status "$1") =~ $2 ]]; }
expect_log() {
	until_ok "${3:-5}" grep -Eq -- "$2" "$SCRATCH/$1/log" || fail "the log of $1 does not say /$2/: $(tail -n 20 "$SCRATCH/$1/log")"
	say "the log of $1 says /$2/: $(grep -Em 1 -- "$2" "$SCRATCH/$1/log")"
}
expect_no_log() {
	! grep -E -- "$2" "$SCRATCH/$1/log" || fail "the log of $1 says /$2/"
}

expect_sa() { # A B: SAs both ways, on both hosts
	local h
	for h in "$1" "$2"; do
		until_ok 5 _has_sa "$h" "$1" "$2" || fail "$h has no SA for $1 and $2"
	done
	say "SAs between $1 and $2 stand"
}
_has_sa() { # HOST A B: keys both ways, so a larval SA does not count
	local a b line sa= there= back=
	at "$2" "$3" && a=${AT[0]} b=${AT[1]}
	while read -r line; do
		case $line in
		"src "*) sa=$line ;;
		"aead "* | "enc "*)
			case $sa in "src $a dst $b") there=1 ;; "src $b dst $a") back=1 ;; esac
			;;
		esac
	done < <(on "$1" ip xfrm state list)
	[ -n "$there" ] && [ -n "$back" ]
}
# A decoy (ike/hold.h) is there for a moment, so that what the kernel holds for a hopeless peer goes.
has_no_sa() { ! on "$1" ip xfrm state list | grep -qE '^\s(aead|enc) '; }
expect_no_sa() { # A B: none at all on A
	until_ok 2 has_no_sa "$1" || fail "$1 holds an SA: $(on "$1" ip xfrm state list)"
	say "$1 holds no SA"
}
# judge HOST…: what these hosts have of the pairs in $SCRATCH/pairs, each `pair CLASS NAME ADDRESS NAME
# ADDRESS`. Which are not right, and the numbers of each class, are then in $SCRATCH/judged: see judge.awk.
judge() {
	local h
	{
		cat "$SCRATCH/pairs"
		for h in "$@"; do
			echo "kernel $h"
			ip -n "$h" xfrm state list
			[ "${KIND[$h]}" = ikemesh ] || continue
			echo "daemon $h"
			"$BIN/ikectl" --run-dir "$SCRATCH/$h/run" statusall --json
		done
	} >"$SCRATCH/seen"
	awk -f "$LAB_TOP/test/lab/judge.awk" "$SCRATCH/seen" >"$SCRATCH/judged"
}
judged() { # CLASS: sets RIGHT, NONE and DOUBLE
	local what class
	RIGHT=0 NONE=0 DOUBLE=0
	while read -r what class RIGHT NONE DOUBLE; do
		[ "$what $class" != "total $1" ] || return 0
	done <"$SCRATCH/judged"
	RIGHT=0 NONE=0 DOUBLE=0
}
expect_established() { # NAME…
	local h
	for h in "$@"; do expect_status "$h" 'ESTABLISHED.*INSTALLED, TRANSPORT'; done
}

# --- traffic ---------------------------------------------------------------------------------------------

# pings FROM TO [COUNT [INTERVAL]]: sets SENT, ANSWERED, LOST and FIRST (ms until the first answer). After the
# last one ping waits no longer than the answers took until then, and a guest may stand still for that long:
# so it goes on until COUNT are answered, or for PATIENCE, and the first COUNT are judged.
PATIENCE=3 # seconds to wait for the last answers
pings() {
	local out count=${3:-5} interval=${4:-0.05}
	at "$2"
	out=$(on "$1" ping -n -c "$count" -i "$interval" -w "$(awk "BEGIN { print int($count * $interval + $PATIENCE + 0.999) }")" \
		"${AT[0]}" 2>&1) || true
	read -r SENT ANSWERED FIRST < <(awk -v count="$count" -v interval="$interval" '
		/icmp_seq=[0-9]+ .*time=/ {
			seq = $0; sub(/.*icmp_seq=/, "", seq); sub(/ .*/, "", seq)
			ms = $0; sub(/.*time=/, "", ms); sub(/ .*/, "", ms)
			if (!answered && first == "") first = (seq - 1) * interval * 1000 + ms
			if (seq + 0 <= count && !(seq in seen)) { seen[seq] = 1; answered++ }
		}
		/ packets transmitted/ { sent = $1 + 0 < count ? $1 : count }
		END { print sent + 0, answered + 0, first }' <<<"$out")
	LOST=$((SENT - ANSWERED))
	say "ping from $1 to $2: $ANSWERED of $SENT answered${FIRST:+, the first after $FIRST ms}"
	[ "$SENT" -gt 0 ] || fail "ping from $1 to $2: $out"
}
ping_all() { # like pings, and none may be lost
	pings "$@"
	[ "$LOST" = 0 ] || fail "$LOST of $SENT pings from $1 to $2 were lost"
}
ping_none() { # like pings, and none may be answered
	local PATIENCE=1
	pings "$@"
	[ -z "$FIRST" ] || fail "$ANSWERED of $SENT pings from $1 to $2 were answered, the first after $FIRST ms"
}
# stream FROM TO SECONDS [INTERVAL]: pings in the background. `streamed FROM TO` waits for their end and
# sets SENT, ANSWERED and LOST. Those still under way at the end are neither.
stream() {
	at "$2"
	say "pings from $1 to $2 each ${4:-0.002} s for $3 s"
	on "$1" ping -n -w "$3" -i "${4:-0.002}" "${AT[0]}" >"$SCRATCH/$1/stream-$2" 2>&1 &
	PID[stream-$1-$2]=$!
}
streamed() {
	local gaps
	wait "${PID[stream-$1-$2]}" || true
	read -r SENT ANSWERED LOST gaps < <(awk '
		/icmp_seq=.*time=/ {
			sub(/.*icmp_seq=/, "")
			if ($1 in seen) next
			seen[$1] = 1; answered++
			if ($1 + 0 > last) last = $1 + 0
		}
		/ packets transmitted/ { sent = $1 }
		END {
			if (sent - last > 500) last = sent # more than can be under way
			for (i = 1; i <= last; i++) if (!(i in seen)) {
				if (!lost++ || prev != i - 1) gaps = gaps " " i "-"
				prev = i
			}
			print last, answered + 0, lost + 0, gaps
		}' "$SCRATCH/$1/stream-$2")
	[ "${SENT:-0}" -gt 0 ] || fail "pings from $1 to $2: $(tail -n 3 "$SCRATCH/$1/stream-$2")"
	say "pings from $1 to $2: $LOST of $SENT lost${gaps:+, at: ${gaps:0:200}}"
}
# connects FROM TO [SECONDS]: bring a pair up, whatever the first packets meet
bring_up() {
	until_ok "${3:-10}" on "$1" ping -n -c 1 -W 1 "$(address "$2")" || fail "no ping from $1 to $2 is answered"
	say "$1 reaches $2"
}

# --- the wire --------------------------------------------------------------------------------------------

# netem NAME ARGUMENT…: what happens to everything that NAME sends (tc-netem)
netem() {
	local name=$1
	shift
	say "what $name sends: $*"
	tc -n "$name" qdisc replace dev eth0 root netem limit 10000 "$@"
}

# netem_ike NAME ARGUMENT…: the same for what it sends to port 500 or 4500 only
netem_ike() {
	local name=$1 proto port
	shift
	say "what $name sends to IKE ports: $*"
	{
		echo "qdisc replace dev eth0 root handle 1: prio bands 4"
		echo "qdisc replace dev eth0 parent 1:4 netem limit 10000 $*"
		for proto in ip ipv6; do
			for port in 500 4500; do
				echo "filter add dev eth0 parent 1: protocol $proto flower ip_proto udp dst_port $port classid 1:4"
			done
		done
	} >"$SCRATCH/$name/tc"
	tc -n "$name" -batch "$SCRATCH/$name/tc"
}
netem_off() { # NAME…
	local name
	for name in "$@"; do tc -n "$name" qdisc del dev eth0 root; done
}

# capture: record the wire from here on
capture() {
	tcpdump -i wire -n -Z root -U --immediate-mode -B 8192 -w "$SCRATCH/wire.pcap" 2>"$SCRATCH/tcpdump.log" &
	CAPTURE_PID=$!
	until_ok 10 grep -q 'listening on' "$SCRATCH/tcpdump.log" || fail "tcpdump: $(cat "$SCRATCH/tcpdump.log")"
}
# captured FILTER: what of it was seen so far
captured() {
	nap 0.2
	tcpdump -n -r "$SCRATCH/wire.pcap" "$1" 2>/dev/null
}
count() { captured "$1" | wc -l; }

IKE='(udp port 500 or udp port 4500)'
UDP_ESP='((udp port 4500 and ip and udp[8:4] != 0) or (ip6 and ip6[6] == 17 and (ip6[40:2] == 4500 or ip6[42:2] == 4500) and ip6[48:4] != 0))'
# What a kernel says of an IKE message that finds no daemon, any more or yet.
UNHEARD='(icmp[0] == 3 and icmp[1] == 3 and (icmp[30:2] == 500 or icmp[30:2] == 4500))'
NEIGHBOURS='(arp or (icmp6 and ip6[40] >= 133 and ip6[40] <= 137))'
expect_esp() { # A B: ESP went both ways
	local a b
	at "$1" "$2" && a=${AT[0]} b=${AT[1]}
	_both_ways "$a" "$b" "(esp or $UDP_ESP)" || fail "no ESP both ways between $1 and $2 on the wire"
	say "ESP went both ways between $1 and $2"
}
_both_ways() { # ADDRESS ADDRESS FILTER
	local seen
	seen=$(captured "host $1 and host $2 and $3")
	[[ $seen == *" $1 > $2:"* && $seen == *" $2 > $1:"* ]] || [[ $seen == *" $1.4500 > $2.4500:"* && $seen == *" $2.4500 > $1.4500:"* ]]
}
expect_no_clear() { # A B: nothing between them was readable, but for IKE and neighbour discovery
	local seen
	seen=$(captured "host $(address "$1") and host $(address "$2") and not esp and not $IKE and not $UNHEARD and not $NEIGHBOURS")
	[ -z "$seen" ] || fail "in the clear between $1 and $2: $(head -n 3 <<<"$seen") ($(wc -l <<<"$seen") packets)"
	say "nothing in the clear between $1 and $2"
}
expect_silent() { # FROM TO: FROM sent nothing readable to TO, whatever TO, which need not know IPsec, sent
	local seen
	at "$1" "$2"
	seen=$(captured "src ${AT[0]} and dst ${AT[1]} and not esp and not $IKE and not $NEIGHBOURS")
	[ -z "$seen" ] || fail "in the clear from $1 to $2: $(head -n 3 <<<"$seen") ($(wc -l <<<"$seen") packets)"
	say "$1 sent nothing readable to $2"
}
expect_clear() { # A B: pings went in the clear, both ways
	local a b
	at "$1" "$2" && a=${AT[0]} b=${AT[1]}
	_both_ways "$a" "$b" "(icmp or (icmp6 and not $NEIGHBOURS))" || fail "no ICMP in the clear both ways between $1 and $2"
	say "ICMP went in the clear between $1 and $2"
}

# --- beginning and end -----------------------------------------------------------------------------------

# What a failed test leaves for the one who reads its log.
_epilogue() {
	local rc=$? name
	trap - EXIT ERR
	set +e
	[ -z "$CAPTURE_PID" ] || kill -INT "$CAPTURE_PID"
	if [ $rc != 0 ] && [ $rc != 77 ]; then
		[ -z "${LAB_EPILOGUE-}" ] || exec >>"$LAB_EPILOGUE"
		for name in "${HOSTS[@]}"; do
			echo "--- $name (${KIND[$name]}): the end of its log"
			tail -n 60 "$SCRATCH/$name/log" 2>/dev/null
			echo "--- $name: status, policies, SAs, counters"
			alive "$name" && timeout 5 bash -c "$(declare -f); $(declare -p KIND PID SCRATCH BIN); status $name"
			on "$name" ip xfrm policy list nosock
			on "$name" ip xfrm state list | grep -Ev '^\s(aead|enc|auth-trunc) '
			on "$name" grep -v '\s0$' /proc/net/xfrm_stat
		done
		[ ! -s "$SCRATCH/wire.pcap" ] || {
			echo "--- the wire: the last packets"
			tcpdump -n -r "$SCRATCH/wire.pcap" "not $NEIGHBOURS" 2>/dev/null | tail -n 40
		}
	fi
	exit $rc
}
trap _epilogue EXIT
trap 'fail "line $LINENO of ${BASH_SOURCE[0]##*/}${BASH_SOURCE[1]:+, from line ${BASH_LINENO[0]} of ${BASH_SOURCE[1]##*/}}: $BASH_COMMAND"' ERR
trap 'fail "out of time"' TERM
set -E

mkdir -p /run/netns
mount -t tmpfs tmpfs /run/netns
ip -batch - <<IP
link set lo up
link add wire type bridge mcast_snooping 0
link set wire up
IP
. "$LAB_TOP/test/lab/certs.sh"
