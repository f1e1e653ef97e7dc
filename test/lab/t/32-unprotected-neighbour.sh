# SPDX-License-Identifier: Apache-2.0
# A host in a subnet without IPsec is spoken to in the clear, even where that subnet lies inside a
# protected one; its neighbours are not.
# cases: v4 v6
family "${1#v}"
ca ca
cert instance ca
configure all no_ipsec_subnets='10.1.9.0/24 fd00:1::9:0/112'
host a ikemesh 10.1.0.1/16 fd00:1::1/64
host b ikemesh 10.1.0.2/16 fd00:1::2/64
host d plain 10.1.9.4/16 fd00:1::9:4/64
start a b
capture
ping_all a d
ping_all d a
bring_up a b
expect_clear a d
expect_esp a b
expect_no_clear a b
