# SPDX-License-Identifier: Apache-2.0
# The guest's clock is set forward: each warning comes on its day, once, at the host itself and at its peer;
# past the end the running SAs live on, and a new one is refused with the reason. The clock goes back: nothing
# is said again, nothing is reset, and what was refused is welcome.
# timeout: 200
[ "${LAB_IKEMESH:-ikemesh}" = ikemesh ] || skip "this is about ikemesh"
grep -q 'User Mode Linux' /proc/cpuinfo || skip "the clock of a machine that is no guest is left alone"

# The guest's clock is everybody's: it is put right whatever happens, by what the machine has been up.
up() { # sets UP, ms
	read -r UP _ </proc/uptime
	UP=$((10#${UP/./} * 10))
}
up && now
BOOTED=$((NOW - UP)) TOLD=$STARTED
ahead() { # TENTHS of a day, from the true time
	up
	date -u -s "@$(((BOOTED + UP + $1 * 8640000) / 1000))" >/dev/null
	STARTED=$((TOLD + $1 * 8640000)) # the story goes on
	say "the clock is set $(($1 / 10)) days ahead"
}
put_right() {
	up && now
	local off=$((NOW - BOOTED - UP))
	[ ${off#-} -lt 60000 ] || ahead 0
}
eval "$(declare -f fail | sed '1s/fail/fail_there/')"
fail() {
	put_right
	fail_there "$@"
}

ca ca
cert short ca rsa3072 "1 day ago" "40 days"
cert long ca rsa3072 "1 day ago" "1 year"
host a ikemesh 10.1.0.1/16
host b ikemesh 10.1.0.2/16
configure a certificate=short
configure b certificate=long
start a b
bring_up a b
ping_all a b 5
said() { grep -c "$2" "$SCRATCH/$1/log" || true; }
both_said() { # TIMES
	[ "$(said a 'instance_certificate "O=lab, CN=short" \(expires\|expired\)')" = "$1" ] &&
		[ "$(said b 'certificate "O=lab, CN=short" of peer 10.1.0.1 \(expires\|expired\)')" = "$1" ]
}
expect_said() {
	until_ok 10 both_said "$1" || fail "not $1 warnings each: $(grep -h 'CN=short' "$SCRATCH/a/log" "$SCRATCH/b/log")"
}
expect_said 0
# 40 days are left: tenths of days ahead, and how many warnings there are by then.
told=0
for days in 95:0 101:1 155:1 259:1 261:2 329:2 331:3 369:3 371:4 389:4 391:5; do
	ahead "${days%:*}"
	told=${days#*:}
	nap 0.3
	expect_said "$told"
done
ikectl a statusall | grep -q 'expires in .* hours' || fail "statusall says nothing of it: $(ikectl a statusall)"
rc=0
ikectl a certs >"$SCRATCH/shown" && grep -q '0 days left' "$SCRATCH/shown" || fail "certs: $(cat "$SCRATCH/shown")"
report "warnings at 30, 14, 7, 3 and 1 days, once each, on both hosts"

stream a b 12 0.01
nap 1
ahead 402
expect_said 6
expect_log a 'error: instance_certificate "O=lab, CN=short" expired on .*ikectl rotate'
ikectl a certs | grep -q EXPIRED || fail "certs does not say that it is over"
ping_all b a 5
# The running pair lives on when it cannot be replaced.
ikectl b reauth 10.1.0.1 >/dev/null
expect_log b 'certificate expired|AUTHENTICATION_FAILED'
ping_all a b 5

ahead 0
nap 1
expect_said 6
ping_all a b 5
ikectl b reauth 10.1.0.1 >/dev/null
until_ok 20 grep -q 'established' <(sed '1,/certificate expired\|AUTHENTICATION_FAILED/d' "$SCRATCH/b/log") || fail "no new IKE SA: $(tail -n 5 "$SCRATCH/b/log")"
streamed a b
report "past the end and back: $LOST of $SENT pings lost"
[ "$LOST" = 0 ] || fail "$LOST pings lost"
# A jump to where no certificate holds yet, and further back than the machine has been up.
ahead -9000
ping_all a b 5
expect_said 6
put_right
expect_alive a b
