# SPDX-License-Identifier: Apache-2.0
# The mode is switched under traffic, there and back, for all and for one subnet: policies change in place,
# the SAs stay the same, no ping is lost and no connection broken.
# cases: ikemesh
# long: strongswan
ca ca
cert instance ca
configure all optional=true
host a ikemesh 10.1.0.1/16
host b "$1" 10.1.0.2/16
[ "${KIND[a]}" = ikemesh ] || skip "this is about ikemesh"

sas() { on "$1" ip xfrm state list | grep -Eo 'spi 0x[0-9a-f]{8}' | sort; }
ours() { [ "${KIND[$1]}" = ikemesh ]; }
levels() { # HOST required|use: so all of its templates are
	local seen
	seen=$(on "$1" ip xfrm policy list nosock | awk '/tmpl/ { t++ } /level use/ { u++ } END { print t + 0, u + 0 }')
	case $2 in
	required) [ "${seen#* }" = 0 ] && [ "${seen% *}" != 0 ] ;;
	use) [ "${seen#* }" = "${seen% *}" ] && [ "${seen% *}" != 0 ] ;;
	esac || fail "the policies of $1 are not all '$2': templates and optional ones: $seen"
}
SWITCHES=0
switch() { # HOST LEVEL ARGUMENT…
	local name=$1 level=$2
	shift 2
	ours "$name" || return 0
	say "$name: mode $*"
	SWITCHES=$((SWITCHES + 1))
	ikectl "$name" mode "$@" || fail "mode $* on $name: $?"
	levels "$name" "$level"
	nap 0.3
}
_listens() { [ -n "$(on "$1" ss -Hltn 'sport = :7000')" ]; }
_all_came() { [ "$(wc -l <"$SCRATCH/b/got")" = 600 ]; }

_is_old() { now; [ $NOW -gt $((UP + 11000)) ]; }

start a b
bring_up a b
expect_sa a b
now
UP=$NOW
# Both may have begun; one of the two survives.
_settled() { [ "$(sas a | wc -l)" = 2 ] && [ "$(sas a)" = "$(sas b)" ]; }
until_ok 10 _settled || fail "a and b do not have the same two SAs"
for h in a b; do sas $h >"$SCRATCH/$h/before"; done
levels a use
! ours b || levels b use

stream a b 8 0.005
stream b a 8 0.005
on b nc -l -p 7000 >"$SCRATCH/b/got" &
SINK=$!
until_ok 5 _listens b || fail "nc does not listen"
on a bash -c '
	exec 4<>"$1" 3>/dev/tcp/10.1.0.2/7000
	for ((i = 1; i <= 600; i++)); do
		echo "line $i" >&3
		read -rt 0.01 -u 4 || true
	done' tcp "$SCRATCH/nap" &
SOURCE=$!
nap 0.5
switch a required enforced
switch b required enforced
switch a use optional
switch b use optional
switch b required enforced 10.1.0.0/16 --confirm-within 1s
switch a required enforced --force
! ours b || expect_log b 'was not confirmed' 5
! ours b || levels b use
switch a use file
switch b use file
wait $SOURCE || fail "the connection broke"
streamed a b
[ "$LOST" = 0 ] || fail "$LOST of $SENT pings from a to b were lost"
streamed b a
[ "$LOST" = 0 ] || fail "$LOST of $SENT pings from b to a were lost"
until_ok 5 _all_came || fail "$(wc -l <"$SCRATCH/b/got") of 600 lines came"
for h in a b; do
	sas $h >"$SCRATCH/$h/after"
	cmp "$SCRATCH/$h/before" "$SCRATCH/$h/after" || fail "$h has other SAs"
done
report "$SWITCHES switches, $((SENT * 2)) pings and 600 lines of a connection: none lost, the same SAs"

# What comes out of ESP is not taken for cleartext, once that would be told: 10 s after the SA.
until_ok 5 _is_old || fail "the SA is not old enough"
pings b a 40 0.005
pings a b 40 0.005
nap 1.2
! _status_has a 'in the clear' || fail "a takes b for one in the clear: $(status a)"
