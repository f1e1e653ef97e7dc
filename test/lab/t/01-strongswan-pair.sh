# SPDX-License-Identifier: Apache-2.0
# The lab itself: two strongSwans, set up as the add-on does it, find each other at the first packet.
# cases: shared-v4 each-v6
ca ca
cert instance ca
case $1 in
shared-v4) ;;
each-v6)
	family 6
	cert other ca
	configure b certificate=other
	;;
esac
host a strongswan 10.1.0.1/16 fd00:1::1/64
host b strongswan 10.1.0.2/16 fd00:1::2/64
start a b
capture
bring_up a b
ping_all a b
expect_esp a b
expect_no_clear a b
expect_established a b
expect_sa a b
