# SPDX-License-Identifier: Apache-2.0
# Each command of docs/operations.md is run, as it stands there, on a machine with systemd as PID 1 and a host
# 10.0.1.6 beside it: from the installation of the package over the way from strongSwan and back, rotation and
# renewal to the upgrade, and the removal at the end. What each ends with is in a table; all but a few that look for
# faults must end with 0. What the document says of consoles of clouds is no command, and is listed as such.
# boots
# timeout: 600
# takes: 90
. "$LAB_TOP/test/lab/certs.sh"
deb=$(ls "$LAB_TOP"/build/deb/ikemesh_*.deb 2>/dev/null | tail -n 1)
[ -n "$deb" ] || fail "there is no package: ./run deb"
doc=$LAB_TOP/docs/operations.md
ca ca
cert instance ca
cert renewed ca
machine m
at=$SCRATCH/m
files=$at/files
mkdir -p "$files/root/debs" "$files/root/keys" "$files/usr/local/sbin"
cp "$deb" "$files/root/debs/old.deb"
dpkg-deb -R "$deb" "$SCRATCH/higher"
sed -i 's/^Version: .*/&+1/' "$SCRATCH/higher/DEBIAN/control"
dpkg-deb --root-owner-group -Znone -b "$SCRATCH/higher" "$files/root/debs/new.deb" >/dev/null
cp "$CERTS"/{instance,renewed,ca}.pem "$CERTS"/{instance,renewed}.key "$files/root/keys/"

# Its sh blocks: a line for each command, with the heading above it. The removal comes last.
awk -F '\t' '
	/^##+ / { sub(/^##+ /, ""); title = $0 }
	/^```sh$/ { on = 1; next }
	/^```/ { on = 0 }
	on && NF { line = title "\t" $0; if (title == "Uninstall") last = last line "\n"; else print line }
	END { printf "%s", last }' "$doc" >"$at/commands"
[ "$(wc -l <"$at/commands")" -gt 45 ] || fail "only $(wc -l <"$at/commands") commands were found"

unit m lab-main.service <<'UNIT'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=-/bin/bash /usr/local/sbin/lab-main
ExecStart=/bin/bash -c 'journalctl -b -o short-monotonic >/lab/journal; sync; echo o >/proc/sysrq-trigger; sleep 9'
UNIT
cat >"$files/usr/local/sbin/lab-main" <<'SH'
export DEBIAN_FRONTEND=noninteractive LC_ALL=C HOME=/root
cd /root
ip netns add peer
ip link add eth0 type veth peer name eth0 netns peer
ip -n peer link set lo up
ip -n peer link set eth0 up
ip -n peer addr add 10.0.1.6/20 dev eth0
ip link set eth0 up
ip addr add 10.0.1.5/20 dev eth0

# What the operator of the add-on has: its file, and strongSwan as it runs from it.
{
	printf '%s\n' 'properties:' '  ipsec:' '    optional: false' '    ipsec_subnets:' '    - 10.0.0.0/20' \
		'    no_ipsec_subnets:' '    - 10.0.1.10/32' '    instance_certificate: |'
	sed 's/^/      /' keys/instance.pem
	echo '    instance_private_key: |'
	sed 's/^/      /' keys/instance.key
	printf '    ca_certificates:\n    - |\n'
	sed 's/^/      /' keys/ca.pem
	printf '%s\n' '    esp_proposals: aes128gcm16!' '    ike_proposals: aes128-sha256-modp2048!'
} >ipsec-addon.yml
cp keys/ca.pem /etc/ipsec.d/cacerts/
cp keys/instance.pem /etc/ipsec.d/certs/
cp keys/instance.key /etc/ipsec.d/private/
echo ': RSA instance.key' >/etc/ipsec.secrets
cat >/etc/ipsec.conf <<'CONF'
config setup
    uniqueids=no
conn %default
    keyexchange=ikev2
    type=transport
    leftcert=instance.pem
    ike=aes128-sha256-modp2048!
    esp=aes128gcm16!
conn ipsec-10.0.0.0/20
    left=10.0.1.5
    leftsubnet=10.0.1.5
    right=%any
    rightsubnet=10.0.0.0/20
    auto=route
CONF
mkdir -p /etc/swanctl/{x509,x509ca,private}
cp keys/ca.pem /etc/swanctl/x509ca/
cp keys/instance.pem /etc/swanctl/x509/
cp keys/instance.key /etc/swanctl/private/
cat >/etc/swanctl/swanctl.conf <<'CONF'
connections {
    ipsec {
        version = 2
        proposals = aes128-sha256-modp2048
        local {
            auth = pubkey
            certs = instance.pem
        }
        remote {
            auth = pubkey
        }
        children {
            net {
                mode = transport
                remote_ts = 10.0.0.0/20
                esp_proposals = aes128gcm16
                start_action = trap
            }
        }
    }
}
CONF
# Without bypass-lan, which would exempt the local network.
printf '%s\n' 'charon {' '    load = aes sha1 sha2 md5 hmac kdf mgf1 gmp nonce random drbg pem pkcs1 pkcs8 x509 pubkey revocation constraints kernel-netlink socket-default stroke updown counters' '}' >/etc/strongswan.conf
rm -f /etc/systemd/system/strongswan-starter.service # the tree has it masked
systemctl daemon-reload
echo 'APT::Get::Assume-Yes "true";' >/etc/apt/apt.conf.d/yes # nobody is there to be asked

peer() { # the other host, when there is a program for it
	printf '%s\n' 'ipsec_subnets: [10.0.0.0/20]' "optional: $1" 'instance_certificate: /root/keys/instance.pem' \
		'instance_private_key: /root/keys/instance.key' 'ca_certificates: [/root/keys/ca.pem]' 'log: stderr' >/run/peer.yml
	ip netns exec peer /usr/local/sbin/ikemeshd-of-peer --config /run/peer.yml --run-dir /run/peer --state-dir /run/peer-state 2>>/lab/peer.log &
	for i in {1..100}; do [ -S /run/peer/control.sock ] && break; sleep 0.1; done
}
reached() { for i in {1..100}; do ping -n -c 1 -W 1 10.0.1.6 >/dev/null && return; sleep 0.1; done; echo "no ping to the peer: $1" >>/lab/trouble; }
configured() { cp imported/* /etc/ikemesh/ && printf '%s\n' "$@" >>/etc/ikemesh/ikemesh.yml; }

# What is done by hand before the first command of a heading.
prepare() {
	case $1 in
	Install) cp debs/old.deb ikemesh.deb ;;
	Configure) cp /usr/sbin/ikemeshd /usr/local/sbin/ikemeshd-of-peer ;;
	"Roll out under traffic")
		cp -r /etc/ikemesh imported
		sed -i 's/^optional:.*/optional: true/' /etc/ikemesh/ikemesh.yml
		grep -q '^optional: true' /etc/ikemesh/ikemesh.yml || echo 'optional: true' >>/etc/ikemesh/ikemesh.yml
		peer false
		;;
	"Replace strongSwan"*)
		ikectl mode file
		systemctl disable --now ikemesh
		ikectl disable
		configured 'takeover: true'
		systemctl start strongswan-starter
		for i in {1..100}; do ip xfrm policy list dir out | grep -q 'mode transport' && break; sleep 0.1; done
		reached "with strongSwan"
		ipsec statusall
		;;
	Verify)
		systemctl disable --now strongswan-starter
		systemctl enable --now ikemesh
		reached "with ikemesh again"
		;;
	"Rotate the instance certificate")
		cp keys/renewed.pem /etc/ikemesh/instance.pem
		cp keys/renewed.key /etc/ikemesh/instance.key
		ls /etc/ikemesh >/lab/etc
		;;
	Upgrade) cp debs/new.deb ikemesh.deb ;;
	Troubleshooting) (sleep 5 && exec ikectl rekey 10.0.1.6) & ;; # something happens
	Prerequisites | "Renew expired certificates" | "Not encrypted"*) reached "$1" ;;
	esac >>/lab/prepared 2>&1
}

# What is looked at before all else in the document wants the program, and a daemon.
{
	grep -P '^(Install|Configure|Roll out[^\t]*)\t' /lab/commands
	grep -P '^Prerequisites\t' /lab/commands
	grep -vP '^(Install|Configure|Roll out[^\t]*|Prerequisites)\t' /lab/commands
} >/run/commands
last=
while IFS=$'\t' read -r title command; do
	[ "$title" = "$last" ] || prepare "$title"
	last=$title
	echo "--- $title: $command" >>/lab/said
	timeout 100 bash -c "$command" >/run/out 2>&1 </dev/null
	code=$?
	cat /run/out >>/lab/said
	printf '%s\t%s\t%s\t%s\n' "$code" "$title" "$command" "$(grep -m 1 . /run/out)" >>/lab/results
done </run/commands
# An acquire that the kernel began while SAs were gone and policies not yet is nobody's: it ends by its time.
for i in {1..80}; do
	# Without an SPI it is the kernel's note that it has asked for one, which it ends by itself after acq_expires.
	{ ip xfrm policy list nosock; ip xfrm state list | awk '/^src/ { told = "" } { told = told $0 "\n" } / spi / { note = / spi 0x00000000 / } !note { printf "%s", told; told = "" }'; } >/lab/left-is
	grep -c reqid /lab/left-is >/lab/left && sleep 0.5 || break
done
: >/lab/done
SH
enable m lab-main.service multi-user.target
boot m

[ -e "$at/done" ] || fail "it did not come to its end: $(tail -n 3 "$at/results" "$at/said")"
[ ! -e "$at/trouble" ] || fail "$(cat "$at/trouble"): $(tail -n 20 "$at/said")"
[ "$(wc -l <"$at/results")" = "$(wc -l <"$at/commands")" ] || fail "not all were run: $(tail -n 1 "$at/results")"
bad=
while IFS=$'\t' read -r code title command words; do
	case "$code $command" in
	"0 "*) ;;
	# They tell of something by 1: of what was not printed, of what could be better.
	"1 ikectl import "* | "1 ikectl doctor"*) say "$code $command: $words" ;;
	*) bad+="$title: \`$command\` ends with $code: $words"$'\n' ;;
	esac
done <"$at/results"
report "$(grep -c ^0 "$at/results") of $(wc -l <"$at/results") commands end with 0: $(cut -f 1 "$at/results" | sort | uniq -c | awk '{ printf "%s%s times %s", n++ ? ", " : "", $1, $2 }')"
report "no commands: the rules of $(grep -cE '^\| (GCP|vSphere|Azure|AWS|OpenStack) \|' "$doc") clouds, made in their consoles"
[ -z "$bad" ] || fail "$bad"
[ "$(cat "$at/left")" = 0 ] || fail "after the removal $(cat "$at/left") policies and SAs are left: $(tr '\n' ' ' <"$at/left-is")"
