# SPDX-License-Identifier: Apache-2.0
# The daemon dies before there is any SA: its policies stay, and nothing leaves in the clear. Nor is
# anything let in that comes in the clear.
# cases: v4 v6
# takes: 20
family "${1#v}"
ca ca
cert instance ca
host a ikemesh 10.1.0.1/16 fd00:1::1/64
host b ikemesh 10.1.0.2/16 fd00:1::2/64
host c plain 10.1.0.3/16 fd00:1::3/64
start a b
capture
crash a
ping_none a b 3
ping_none b a 3
ping_none a c 3
expect_no_clear a b
expect_no_clear a c
say "a host without IPsec gets no answer either"
ping_none c a 3
expect_silent a c

say "and once the daemon is back, so is the pair"
start a
bring_up a b
expect_no_clear a b
