# SPDX-License-Identifier: Apache-2.0
# The process that packets reach never has the private key: CASE
# memory  after handshakes and reloads nothing of key and PPK is in the engine's memory. The same search finds
#         both in the keyholder. One host has its key in the configuration itself.
# killed  the keyholder is killed again and again while handshakes go on: all of them complete
# away    one that is stopped: who waits for a signature hears why, statusall and doctor tell, SAs that are
#         up go on, and all is well once it goes on
# cases: memory killed away
# timeout: 600
[ "${LAB_IKEMESH:-ikemesh}" = ikemesh ] || skip "this is about ikemesh"
PPK=b1026394a5f6071829b0c1d2e3f4a5968778695a4b3c2d1e0f11223344556677

keyholder_of() { process "$1" keyholder || :; }
# again N: a lets its SAs with b go, and negotiates anew
again() {
	local i
	for i in $(seq "$1"); do
		ikectl a down "$(address b)" >/dev/null || fail "down, the ${i}th time"
		bring_up a b 20
	done
}

why() { ikectl a why "$(address b)" 2>&1 | tr -s ' \n' ' ' || :; }

ca ca
cert instance ca
host a ikemesh 10.1.0.1/16
host b ikemesh 10.1.0.2/16
configure all yaml="ppk: 0x$PPK
ppk_id: mesh
ppk_required: true"
# a's key stands in its configuration.
configure a key="|
$(sed 's/^/  /' "$CERTS/instance.key")"
start a b
bring_up a b
grep -q 'BEGIN.*PRIVATE KEY' "$SCRATCH/a/ikemesh.yml" || fail "the key is not in the file: this shows nothing"
engine=$(process a engine)
keyholder=$(keyholder_of a)
[ -n "$keyholder" ] && tr '\0' ' ' <"/proc/$keyholder/cmdline" | grep -q -- --keyholder || fail "no keyholder: $keyholder"

case $1 in
memory)
	n=${LAB_ALL:+100}
	n=${n:-10}
	again $((n / 2))
	ikectl a reload || fail "the first reload"
	again $((n / 4))
	ikectl a reload || fail "the second reload"
	again $((n - n / 2 - n / 4))
	for who in "a $engine" "b $(process b engine)" "a, the guardian, ${PID[a]}"; do
		perl "$LAB_TOP/test/lab/memory.pl" "${who##* }" "$CERTS/instance.key" $PPK >"$SCRATCH/engine" || fail "no search of ${who% *}"
		say "engine of ${who% *}: $(cat "$SCRATCH/engine")"
		[ "$(wc -l <"$SCRATCH/engine")" = 1 ] || fail "the engine has of the key: $(cat "$SCRATCH/engine")"
	done
	for who in a b; do
		perl "$LAB_TOP/test/lab/memory.pl" "$(keyholder_of $who)" "$CERTS/instance.key" $PPK >"$SCRATCH/keyholder"
		say "keyholder of $who: $(cat "$SCRATCH/keyholder")"
		for what in 'd, ' 'p, ' 'q, ' PPK; do
			grep -q "^$what" "$SCRATCH/keyholder" || fail "the search does not find $what where it is: $(cat "$SCRATCH/keyholder")"
		done
	done
	report "$((n + 1)) handshakes and 2 reloads: nothing in the engine ($(sed -n 's/searched //p' "$SCRATCH/engine")), $(grep -vc searched "$SCRATCH/keyholder") of key and PPK in the keyholder"
	;;
killed)
	n=${LAB_ALL:+50}
	n=${n:-12}
	(
		while :; do
			for who in a b; do
				k=$(keyholder_of $who)
				[ -z "$k" ] || ! kill -KILL "$k" 2>/dev/null || echo $who >>"$SCRATCH/kills"
			done
			sleep "0.$((RANDOM % 3 + 1))"
		done
	) 2>/dev/null &
	killer=$!
	slowest=0
	for i in $(seq "$n"); do
		from=$(date +%s%3N)
		again 1
		ms=$(($(date +%s%3N) - from))
		[ $ms -le $slowest ] || slowest=$ms
	done
	kill $killer
	kills=$(wc -l <"$SCRATCH/kills")
	[ "$kills" -ge "$n" ] || fail "only $kills kills"
	! grep -E 'cannot sign|cannot use our PPK' "$SCRATCH"/[ab]/log || fail "a handshake was lost"
	[ "$(process a engine)" = "$engine" ] && alive a && alive b || fail "an engine has gone"
	sleep 1
	ping_all a b 5
	report "$n handshakes during $kills kills of keyholders: all complete, the slowest in $slowest ms"
	;;
away)
	kill -STOP "$keyholder"
	ping_all a b 5
	ikectl a down "$(address b)" >/dev/null
	on a ping -n -c 1 -W 1 "$(address b)" || :
	until_ok 25 eval 'why | grep -q "the keyholder, which has the private key, did not answer within 10 s"' || fail "why: $(why)"
	say "$(why)"
	why | grep -q "the process that has this host's private key is away" || fail "why: $(why)"
	expect_status a 'THE KEYHOLDER IS AWAY for .*: it is stopped, or has too much to do' 5
	ikectl a doctor >"$SCRATCH/doctor" 2>&1 && fail "doctor finds nothing"
	grep -q 'ERROR.*keyholder.*away' "$SCRATCH/doctor" || fail "doctor: $(cat "$SCRATCH/doctor")"
	expect_log a 'the keyholder, which has the private key, is stopped'
	kill -CONT "$keyholder"
	bring_up a b 70
	ping_all a b 5
	expect_log a 'the keyholder is there again' 10
	! ikectl a statusall | grep 'KEYHOLDER IS AWAY' || fail "it is still away"
	;;
esac
expect_established a b
