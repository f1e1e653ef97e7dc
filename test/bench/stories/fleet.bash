# SPDX-License-Identifier: Apache-2.0
# What the stories of the bench have in common. Sourced by them, after test/lab/lab.sh.
#
# A fleet is two hosts: one begins, the other one has as many addresses as it has peers. Each kind of daemon
# has a fleet of its own, all of them in one guest, and they are measured in turn, so that all meet the same
# moods of the machine.
#
# Kinds: ikemesh; strongswan, with Debian's plug-ins as they are; openssl: strongSwan at its best, with its
# openssl plug-in and dh_exponent_ansi_x9_42=no; gmp: the same with Debian's plug-ins.

ca ca
cert instance ca
SPARE=${SPARE:-100} # addresses beyond the peers that a story counts: to warm up

# record FIGURE KIND VALUE: for the tables, one line each time
record() {
	printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>"$SCRATCH/records"
	say "$1 of $2: $3"
}

declare -A BEGINS=() ANSWERS=() NET=() NEXT=()
FLEETS=0
OPENSSL_PLUGINS='openssl kdf nonce random drbg pem pkcs1 pkcs8 x509 pubkey revocation constraints kernel-netlink socket-default stroke updown counters'

# strongSwan answers on any address that it has, without policies for each, and as many of one address as ask.
eval "routing_$(declare -f ipsec_conf)"
ipsec_conf() {
	case $1 in
	r-*)
		routing_ipsec_conf "$1" | sed '/^conn ipsec-/,$d'
		printf '%s\n' "conn answers" "    left=%any" "    right=%any" "    auto=add"
		;;
	*) routing_ipsec_conf "$1" ;;
	esac
}

# fleet KIND N: i-KIND is to begin with N peers, which all are r-KIND
fleet() {
	local kind=$1 n=$(($2 + SPARE)) net i addresses=() daemon=strongswan more=
	FLEETS=$((FLEETS + 1))
	net=$FLEETS NET[$kind]=$FLEETS NEXT[$kind]=1
	BEGINS[$kind]=i-$kind ANSWERS[$kind]=r-$kind
	case $kind in
	ikemesh) daemon=ikemesh ;;
	openssl) more=$'    dh_exponent_ansi_x9_42 = no\n' OPTION[i-$kind.plugins]=$OPENSSL_PLUGINS OPTION[r-$kind.plugins]=$OPENSSL_PLUGINS ;;
	gmp) more=$'    dh_exponent_ansi_x9_42 = no\n' ;;
	esac
	for ((i = 1; i <= n; i++)); do addresses+=("10.$net.$((16 + i / 256)).$((i % 256))/16"); done
	host "i-$kind" "$daemon" "10.$net.0.1/16"
	host "r-$kind" "$daemon" "${addresses[@]}"
	acquaint "i-$kind" "r-$kind"
	configure "i-$kind" ipsec_subnets="10.$net.16.0/20" charon="$more"
	# One host stands for all peers, and is asked by one source: strongSwan's limits are off likewise.
	[ "$kind" != ikemesh ] || configure "r-$kind" yaml=$'half_open_per_source: 1000\nhalf_open_limit: 100000'
	configure "r-$kind" ipsec_subnets="10.$net.0.1/32" charon="$more    block_threshold = 0"$'\n    cookie_threshold = 0'
	start "i-$kind" "r-$kind"
}

# peers KIND N: the next N addresses, in PEERS
peers() {
	local i last=$((NEXT[$1] + $2))
	PEERS=()
	for ((i = NEXT[$1]; i < last; i++)); do PEERS+=("10.${NET[$1]}.$((16 + i / 256)).$((i % 256))"); done
	NEXT[$1]=$last
}

# streams FROM EVERY ADDRESS…: for fan, one beginning each EVERY ms
streams() {
	local from=$1 every=$2 at=0 a
	shift 2
	for a in "$@"; do echo "$from $a $((at))" && at=$((at + every)); done
}

# pids NAME: of its daemon, all processes
pids() {
	local todo=("${PID[$1]}") line more
	while [ ${#todo[@]} -gt 0 ]; do
		echo "${todo[0]}"
		for line in "/proc/${todo[0]}/task"/*/children; do
			read -r more <"$line" || true
			todo+=($more)
			more=
		done
		todo=("${todo[@]:1}")
	done
}

# memory NAME: sets RSS and PSS, KiB, of all its processes
memory() {
	local pid key value
	RSS=0 PSS=0
	for pid in $(pids "$1"); do
		while read -r key value _; do
			case $key in
			Rss:) RSS=$((RSS + value)) ;;
			Pss:) PSS=$((PSS + value)) ;;
			esac
		done <"/proc/$pid/smaps_rollup"
	done
}

# wakeups NAME: how often its threads have waited so far
wakeups() {
	local pid f line n=0
	for pid in $(pids "$1"); do
		for f in "/proc/$pid/task"/*/status; do
			while read -r line; do
				case $line in voluntary_ctxt_switches:*) n=$((n + ${line#*:})) ;; esac
			done <"$f"
		done
	done
	echo $n
}

# ms_of COMMAND…: sets TOOK
ms_of() {
	local began=${EPOCHREALTIME/./}
	"$@"
	TOOK=$(((${EPOCHREALTIME/./} - began) / 100))
	TOOK=$((TOOK / 10)).$((TOOK % 10))
}

# all_up KIND N: N CHILD_SAs stand at both ends
all_up() {
	local end have
	for end in "${BEGINS[$1]}" "${ANSWERS[$1]}"; do
		have=$(ip -n "$end" xfrm state list | grep -c '^[[:space:]]aead ' || true)
		[ "$have" -ge $((2 * $2)) ] || return 1
	done
}

# per A B N: A - B, a N-th of it
per() { awk "BEGIN { printf \"%.3f\", ($1 - $2) / $3 }"; }

# outside: sets OUTSIDE and OUTSIDE_USER, us of CPU that this guest has had, as the machine counts them
# (outside.pl): all, and in the user mode of programs. False where nobody says, as on the machine's own kernel.
ASKED=0
outside() {
	local word=$$.$((++ASKED)) have=
	[ -n "${LAB_GUEST-}" ] && [ -n "${LAB_OUTSIDE-}" ] || return 1
	echo "$word" >"$LAB_OUTSIDE/ask.new"
	mv "$LAB_OUTSIDE/ask.new" "$LAB_OUTSIDE/ask"
	until { read -r have OUTSIDE OUTSIDE_USER <"$LAB_OUTSIDE/answer"; } 2>/dev/null && [ "$have" = "$word" ]; do nap 0.02; done
}

# floor N: what one end of N handshakes cannot do without takes as much CPU here and now, as the guest counts
# (FLOOR_MS) and as the machine does (FLOOR_OUTSIDE, ms; empty where nobody says)
floor() {
	local n=$1 began=
	if [ -z "${FLOOR_PID-}" ]; then
		coproc FLOOR { exec "$LAB_TOP/build/test/ikemesh-bench" floor; }
		ask_floor 1 # it is there
	fi
	if outside; then began=$OUTSIDE; fi
	ask_floor "$n"
	FLOOR_OUTSIDE=
	if [ -n "$began" ] && outside; then FLOOR_OUTSIDE=$(per "$OUTSIDE" "$began" $((n * 1000))); fi
}
ask_floor() {
	echo "$1" >&"${FLOOR[1]}"
	read -r FLOOR_MS <&"${FLOOR[0]}"
}
