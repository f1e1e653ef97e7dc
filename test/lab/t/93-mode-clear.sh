# SPDX-License-Identifier: Apache-2.0
# A peer that cannot do IPsec is named before it is cut off; a mode that nobody confirms goes back by itself,
# by its time and by a crash; one that was confirmed stays.
# cases: v4 v6
family "${1#v}"
ca ca
cert instance ca
configure all optional=true
host a ikemesh 10.1.0.1/16 fd00:1::1/64
host b ikemesh 10.1.0.2/16 fd00:1::2/64
host c plain 10.1.0.3/16 fd00:1::3/64
host d plain 10.1.0.4/16 fd00:1::4/64
[ "${KIND[a]}" = ikemesh ] || skip "this is about ikemesh"
at a b c d
A=${AT[0]} B=${AT[1]} C=${AT[2]} D=${AT[3]}

clear_of() { ikectl a statusall | sed -n '/^Peers in the clear/,$p'; }
_names() { [[ $(clear_of) == *" $1 ("* ]]; }
answers() { on c ping -n -c 1 -W 1 "$A" >/dev/null; }
silent() { ! answers; }
# ping gives the last ones two round trips only, which a busy machine may need for something else.
flows() {
	pings "$1" "$2" 20 0.01
	[ "$LOST" -le 2 ] || fail "$LOST of $SENT pings from $1 to $2 were lost"
}

start a b
bring_up a b
expect_sa a b
flows a b # ESP is nothing in the clear
ping_all c a 3
until_ok 5 _names "$C" || fail "c is not shown: $(ikectl a statusall)"
say "$(clear_of)"
! _names "$B" || fail "b, which has an SA, is shown in the clear"

# A flood costs next to nothing, and hides nobody.
BEFORE=$(cpu_of a)
on c ping -n -f -q -w 3 "$A" >/dev/null &
FLOOD=$!
nap 1.5
pings d a 3
wait $FLOOD || fail "ping -f failed"
TAKEN=$(($(cpu_of a) - BEFORE))
until_ok 3 _names "$D" || fail "d is not shown: $(clear_of)"
report "CPU of the daemon in 3 s of a flood: $TAKEN ms"
[ "$TAKEN" -lt 600 ] || fail "a flood in the clear took $TAKEN ms of CPU in 3 s"

ikectl a mode enforced >"$SCRATCH/out" 2>"$SCRATCH/err" && fail "nobody was warned" || [ $? = 1 ] || fail "exit status $?"
say "$(cat "$SCRATCH/err")"
grep -q " $C (" "$SCRATCH/err" || fail "c is not named: $(cat "$SCRATCH/err")"
! grep -q " $B (" "$SCRATCH/err" || fail "b is named: $(cat "$SCRATCH/err")"
answers || fail "what was refused is in force"

ikectl a mode enforced --confirm-within 3s
expect_status a 'mode: not confirmed'
expect_status a 'mode: [^ ]* is enforced, where the configuration says optional'
silent || fail "c is answered in enforced mode"
flows b a
until_ok 6 answers || fail "it does not go back by itself"
expect_log a 'was not confirmed'
expect_no_status() { ! _status_has "$1" "$2" || fail "statusall of $1 says /$2/"; }
expect_no_status a 'mode: '

ikectl a mode enforced --force --confirm-within 60s
ikectl a reload
silent || fail "a reload took back what is pending"
ikectl a mode optional 10.1.0.0/16 2>"$SCRATCH/err" && fail "one subnet confirmed the rest" || [ $? = 1 ]
crash a
start a
answers || fail "after a crash the mode is in force that nobody confirmed"
ping_all c a 3

ikectl a mode enforced --force --confirm-within 60s
ikectl a confirm
stop a
start a
silent || fail "what was confirmed is forgotten by a restart"
expect_status a 'is enforced, where the configuration says optional'
ikectl a reload
silent || fail "what was confirmed is forgotten by a reload"
ikectl a mode file
answers || fail "mode file is not the file's"
expect_no_status a 'mode: '

# Somebody chose a mode, and nobody can tell which: the stricter one, until another is chosen.
stop a
echo 'ikemesh mode 1' >"$SCRATCH/a/state/mode"
start a
silent || fail "a mode that cannot be read lets cleartext in"
expect_status a 'mode: .*cannot be told'
ikectl a mode file
answers || fail "mode file does not mend it"
expect_no_status a 'mode: '
! ikectl a mode optional 10.1.0.0/20 2>"$SCRATCH/err" || fail "a subnet that is no entry was taken"
grep -q 'it lies inside 10.1.0.0/16' "$SCRATCH/err" || fail "$(cat "$SCRATCH/err")"
