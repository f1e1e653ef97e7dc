# SPDX-License-Identifier: Apache-2.0
# What xfrm/ asks of a kernel, asked of one that has ESP: SAs of every suite, soft limits, the newest
# SA, forwarded ports, bypasses, addresses that come and go. The same cases run among the unit tests,
# where those that need ESP are skipped if the machine's own kernel has none.
# cases: xfrm_kernel_test address_test
# timeout: 180
[ -x "$BIN/../test/$1" ] || fail "there is no $BIN/../test/$1: ./run builds it"
"$BIN/../test/$1" >"$SCRATCH/out" 2>&1 || {
	cat "$SCRATCH/out"
	fail "$1 failed"
}
! grep -q 'SKIPPED' "$SCRATCH/out" || fail "cases were skipped: $(grep -m 3 SKIPPED "$SCRATCH/out")"
report "$(grep -c '\[       OK \]' "$SCRATCH/out") cases on this kernel"
