# SPDX-License-Identifier: Apache-2.0
# Watching: `ikectl monitor` tells what happens as it happens, and goes on with the next daemon; `ikectl top` shows
# peers in all states on a terminal, which tmux is. The screen in docs/ikectl.md comes from here (it says how).
# cases: monitor top
ca ca
ca otherca
cert instance ca
cert stranger otherca
host a ikemesh 10.1.0.1/16
host b strongswan 10.1.0.2/16
host c ikemesh 10.1.0.3/16
host e ikemesh 10.1.0.5/16
host q plain 10.1.7.1/16
[ "${KIND[a]}" = ikemesh ] || skip "this is about ikemesh"
configure a ipsec_subnets= yaml="ipsec_subnets:
- 10.1.0.0/16
- {subnet: 10.1.7.0/24, optional: true}"
configure e certificate=stranger ca='otherca ca' # which a does not trust
start a b c e

case $1 in
monitor)
	ikectl a monitor --json >"$SCRATCH/json" &
	ikectl a monitor >"$SCRATCH/text" &
	ikectl a monitor 10.1.0.3 --level notice >"$SCRATCH/c-only" &
	tells() { grep -q -- "$1" "$SCRATCH/json"; }
	await() { # EVENT PEER [REASON]
		until_ok 10 tells "\"event\":\"$1\",.*\"reason\":${3:-null},\"peer\":\"$2\"" ||
			fail "no event $1 of $2: $(cat "$SCRATCH/json")"
	}
	until_ok 5 eval 'ikectl a monitor --last 1 --count 1 | grep -q ready' || fail "--last tells nothing"
	nap 0.5
	bring_up a b
	await acquire 10.1.0.2
	await up 10.1.0.2
	ikectl a rekey 10.1.0.2 >/dev/null
	await rekeyed 10.1.0.2
	bring_up a c
	await up 10.1.0.3
	ping_none a e 1
	await failed 10.1.0.5 '"wrong-ca"'
	ikectl a down 10.1.0.2 >/dev/null
	await down 10.1.0.2 '"command"'
	pings q a 3
	until_ok 10 tells '"event":"in-the-clear".*"peer":"10.1.7.1"' || fail "q in the clear is not told"
	ikectl a reload >/dev/null
	until_ok 5 tells '"event":"reload"' || fail "the reload is not told"
	ikectl a mode optional 10.1.7.0/24 >/dev/null
	until_ok 5 tells '"event":"mode"' || fail "the mode is not told"
	sed 's/.*"number":\([0-9]*\).*/\1/' "$SCRATCH/json" >"$SCRATCH/numbers" # it goes on growing
	sort -nc "$SCRATCH/numbers" || fail "events are out of order"
	n=$(grep -c . "$SCRATCH/numbers")
	[ "$(sort -u "$SCRATCH/numbers" | wc -l)" = "$n" ] || fail "an event is told twice"
	crash a
	start a
	until_ok 10 tells '"event":"start"' || fail "the next daemon is not watched: $(tail -n 3 "$SCRATCH/json")"
	sed 's/^/        /' "$SCRATCH/text"
	grep -q '^[0-9:.]* up  *10\.1\.0\.2: ' "$SCRATCH/text" || fail "the text is not as it should be"
	! grep -q '10\.1\.0\.2' "$SCRATCH/c-only" || fail "one peer was asked for, another is told of"
	grep -q '10\.1\.0\.3' "$SCRATCH/c-only" || fail "the peer that was asked for is not told of"
	report "$n events told, in order"
	;;
top)
	TMUX_SOCKET=$SCRATCH/tmux
	T() { on a env TERM=xterm tmux -f /dev/null -S "$TMUX_SOCKET" "$@"; }
	screen() { T capture-pane -p >"$SCRATCH/screen"; }
	shows() { screen && grep -qE -- "$1" "$SCRATCH/screen"; }
	must_show() { until_ok 10 shows "$1" || fail "not on the screen: $1"$'\n'"$(cat "$SCRATCH/screen")"; }
	no_longer() { ! shows "$1"; }
	rows() { screen && grep -cE '^10\.' "$SCRATCH/screen"; }
	bring_up a b
	bring_up a c
	ping_none a e 1
	pings a q 2
	# Nobody answers there, and where something is optional the packets go in the clear.
	on a ping -n -c 1 -W 1 10.1.7.9 >/dev/null || true
	T new-session -d -x 118 -y 20 "$BIN/ikectl --run-dir $SCRATCH/a/run top --interval 1s"
	must_show '^10\.1\.0\.2 +up '
	must_show '^10\.1\.0\.3 +up '
	must_show '^10\.1\.0\.5 +(backing off|connecting) .* (no trusted|unknown) CA'
	must_show '^10\.1\.7\.1 +clear '
	must_show 'ikemesh .* up .* mode mixed  certificate [0-9]+ days$'
	must_show '^q quit +h help'
	[ "$(grep -nE '^10\.' "$SCRATCH/screen" | head -n 1 | cut -d ' ' -f 1 | cut -d : -f 2)" = 10.1.0.5 ] ||
		say "(10.1.0.5 is connecting again at this moment)"
	T capture-pane -p -e | grep -q $'\033\\[32m.*up' || fail "no colours on a terminal"

	stream a c 12 0.01
	T send-keys t
	must_show '^by traffic'
	busiest() { screen && [[ $(grep -E '^10\.' "$SCRATCH/screen" | head -n 1) =~ ^10\.1\.0\.3\ .*[0-9]K\ .*[0-9]K ]]; }
	until_ok 10 busiest || fail "c is not the busiest: $(cat "$SCRATCH/screen")"
	T resize-window -x 118 -y 11
	until_ok 5 eval 'screen && [ "$(wc -l <"$SCRATCH/screen")" = 11 ] && busiest' || fail "11 lines: $(cat "$SCRATCH/screen")"
	cp "$SCRATCH/screen" "$SCRATCH/top"
	T resize-window -x 118 -y 20
	sed 's/^/        |/' "$SCRATCH/top"
	T send-keys a r
	must_show '^by age, reversed'
	T send-keys p / 10.1.7
	must_show '^by trouble; filter: 10\.1\.7_'
	[ "$(rows)" = 2 ] || fail "the filter leaves $(rows) rows: $(cat "$SCRATCH/screen")"
	T send-keys Escape
	until_ok 5 no_longer "filter:" || fail "the filter stays"
	T send-keys h
	must_show '^KEYS'
	must_show '^q  quit'
	T send-keys x
	until_ok 5 no_longer '^KEYS' || fail "the help stays"

	T resize-window -x 44 -y 12
	must_show '^PEER +STATE'
	until_ok 5 no_longer IDENTITY || fail "44 columns, and nothing gives way: $(cat "$SCRATCH/screen")"
	must_show '^10\.1\.0\.2 +up'
	T resize-window -x 12 -y 4
	nap 1
	T resize-window -x 118 -y 20
	must_show '^PEER +STATE .* IDENTITY +LAST REASON'

	crash a
	must_show 'no daemon answers'
	start a
	must_show '^by trouble'
	T send-keys q
	gone() { ! T has-session 2>/dev/null; }
	until_ok 5 gone || fail "q does not quit"

	says() { # WHAT COMMAND…: it fails with 1, and says what to do instead
		local rc=0
		"${@:2}" >"$SCRATCH/out" 2>&1 || rc=$?
		[ $rc = 1 ] || fail "$1: exit status $rc"
		grep -q 'ikectl status' "$SCRATCH/out" || fail "$1: $(cat "$SCRATCH/out")"
	}
	says "no terminal" ikectl a top
	says "a dumb terminal" on a script -qec "TERM=dumb $BIN/ikectl --run-dir $SCRATCH/a/run top" /dev/null
	bring_up a c
	ikectl a top --once --interval 1s --sort age >"$SCRATCH/once"
	grep -qE '^10\.1\.0\.3 +up ' "$SCRATCH/once" || fail "--once: $(cat "$SCRATCH/once")"
	! grep -q $'\033' "$SCRATCH/once" || fail "--once paints"

	heading=$(grep '^PEER' "$SCRATCH/top" | tr -s ' ')
	tr -s ' ' <"$LAB_TOP/docs/ikectl.md" | grep -qxF "$heading" || fail "docs/ikectl.md shows another heading than: $heading"
	;;
esac
