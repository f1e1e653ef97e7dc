# SPDX-License-Identifier: Apache-2.0
# The first host sends, and so initiates; the packets arrive as ESP and nothing else is seen on the wire.
# INITIATOR-RESPONDER, one certificate shared by all (as in the add-on) or one each, RSA key, IP version.
# cases: ikemesh-ikemesh-shared-rsa3072-v4 ikemesh-ikemesh-shared-rsa3072-v6 ikemesh-ikemesh-shared-rsa4096-v4 ikemesh-ikemesh-shared-rsa4096-v6 ikemesh-ikemesh-each-rsa3072-v4 ikemesh-ikemesh-each-rsa3072-v6 ikemesh-ikemesh-each-rsa4096-v4 ikemesh-ikemesh-each-rsa4096-v6
# cases: ikemesh-strongswan-shared-rsa3072-v4 ikemesh-strongswan-shared-rsa3072-v6 ikemesh-strongswan-shared-rsa4096-v4 ikemesh-strongswan-shared-rsa4096-v6 ikemesh-strongswan-each-rsa3072-v4 ikemesh-strongswan-each-rsa3072-v6 ikemesh-strongswan-each-rsa4096-v4 ikemesh-strongswan-each-rsa4096-v6
# cases: strongswan-ikemesh-shared-rsa3072-v4 strongswan-ikemesh-shared-rsa3072-v6 strongswan-ikemesh-shared-rsa4096-v4 strongswan-ikemesh-shared-rsa4096-v6 strongswan-ikemesh-each-rsa3072-v4 strongswan-ikemesh-each-rsa3072-v6 strongswan-ikemesh-each-rsa4096-v4 strongswan-ikemesh-each-rsa4096-v6
IFS=- read -r first second certificates key version <<<"$1"
family "${version#v}"
ca ca
cert instance ca "$key"
if [ "$certificates" = each ]; then
	cert other ca "$key"
	configure b certificate=other
fi
host a "$first" 10.1.0.1/16 fd00:1::1/64
host b "$second" 10.1.0.2/16 fd00:1::2/64
start a b
capture
bring_up a b
ping_all a b
ping_all b a
expect_esp a b
expect_no_clear a b
expect_established a b
expect_sa a b
expect_alive a b
