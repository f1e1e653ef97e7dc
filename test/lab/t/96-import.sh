# SPDX-License-Identifier: Apache-2.0
# What `ikectl import` makes of a configuration starts, and talks as ESP both ways to the strongSwan host that
# runs from the very file it was taken from: the template of the add-on's guide with real certificates in it,
# ipsec.conf and ipsec.secrets as the add-on makes them of it, and a swanctl.conf. What was not carried over is
# told, and nothing that matters is.
# cases: addon conf swanctl
. "$LAB_TOP/test/lab/addon.sh"
ca ca
cert instance ca
host s strongswan 10.1.0.1/16
host m ikemesh 10.1.0.2/16
host p plain 10.1.0.9/16
[ "${KIND[m]}" = ikemesh ] || skip "this is about ikemesh"
configure all ipsec_subnets=10.1.0.0/16 no_ipsec_subnets=10.1.0.9/32

# import STATUS FILE: m runs from what comes of it
import() {
	local status=0
	"$BIN/ikectl" import --output "$SCRATCH/imported" "$2" >"$SCRATCH/out" 2>"$SCRATCH/notes" || status=$?
	[ $status = "$1" ] || fail "import ends with $status: $(cat "$SCRATCH/notes")"
	say "of ${2##*/} comes: $(tr '\n' ' ' <"$SCRATCH/imported/ikemesh.yml")"
	report "not carried over from ${2##*/}: $(grep -c warning "$SCRATCH/notes" || true) lines, $(grep -c note: "$SCRATCH/notes" || true) of which nothing is lost"
	! grep -Fq 'PRIVATE KEY' "$SCRATCH/imported/ikemesh.yml" "$SCRATCH/notes" || fail "a key was printed"
	"$BIN/ikemeshd" --check --config "$SCRATCH/imported/ikemesh.yml" >"$SCRATCH/checked" 2>&1 || fail "it is no good: $(cat "$SCRATCH/checked")"
	cp "$SCRATCH/imported"/* "$SCRATCH/m/"
}
ikemesh_config() { cat "$SCRATCH/imported/ikemesh.yml" && echo "log: stderr"; }

case $1 in
addon)
	addon_manifest instance ca >"$SCRATCH/ipsec-addon.yml"
	import 1 "$SCRATCH/ipsec-addon.yml" # the guide's PEM lines are not indented as YAML wants it
	start s m
	;;
conf)
	start s
	import 0 "$SCRATCH/s/ipsec.conf"
	start m
	;;
swanctl)
	d=$SCRATCH/s/swanctl
	mkdir -p "$d"/{x509,x509ca,private}
	cp "$CERTS/instance.pem" "$d/x509/" && cp "$CERTS/ca.pem" "$d/x509ca/" && cp "$CERTS/instance.key" "$d/private/"
	cat >"$d/swanctl.conf" <<-CONF
		connections {
		    ipsec {
		        version = 2
		        local_addrs = 10.1.0.1
		        remote_addrs = %any
		        proposals = aes128-sha256-modp2048
		        unique = no
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
		                remote_ts = 10.1.0.0/16
		                esp_proposals = aes128gcm16
		                start_action = trap
		            }
		        }
		    }
		    no-ipsec {
		        children {
		            director {
		                mode = pass
		                remote_ts = 10.1.0.9/32
		                start_action = trap
		            }
		        }
		    }
		}
	CONF
	OPTION[s.plugins]="$(option s plugins) vici"
	ipsec_conf() { :; }
	start s
	load() { nsenter -t "${PID[s]}" -m -n env SWANCTL_DIR="$d" swanctl --load-all --file "$d/swanctl.conf" >"$SCRATCH/out" 2>&1; }
	until_ok 10 load || fail "swanctl: $(cat "$SCRATCH/out")"
	until_ok 10 _routed s 1 || fail "no trap: $(cat "$SCRATCH/out"); $(on s ip xfrm policy list)"
	import 0 "$d/swanctl.conf"
	start m
	;;
esac

capture
bring_up m s
ping_all m s
ping_all s m
expect_esp m s
expect_no_clear m s
expect_sa m s
ping_all m p 3
expect_clear m p
