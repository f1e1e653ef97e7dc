# SPDX-License-Identifier: Apache-2.0
# Every proposal that both ikemesh and strongSwan name is negotiated, begun by either side, and pinged
# through: all of IKE with one of ESP, all of ESP with one of IKE, all kinds of certificates with one of
# both. A few of each by default. LAB_SUITES=all does all of them, and writes the table in docs/interop.md.
# cases: ike esp signature
# timeout: 1500
# takes: 30
ALL=$([ "${LAB_SUITES-}" != all ] || echo yes)
IKE=aes128-sha256-modp2048 ESP=aes128gcm16
ca ca
cert instance ca
host a ikemesh 10.1.0.1/16
host b strongswan 10.1.0.2/16
[ "${KIND[a]}" = ikemesh ] || skip "this is about ikemesh"
# Debian's plug-ins of strongSwan, with OpenSSL's curves; and its other control socket. What its
# ipsec.conf has is for no host of this test: each row loads a connection of its own.
PLUGINS='aes sha1 sha2 md5 hmac kdf mgf1 gmp openssl gcm nonce random drbg fips-prf xcbc pem pkcs1 pkcs8 x509 pubkey revocation constraints kernel-netlink socket-default stroke vici updown counters'
configure b ipsec_subnets=10.9.0.0/16 charon="load = $PLUGINS"

swan() { nsenter -t "${PID[b]}" -m -n swanctl "$@"; }
table=() # a line for each row
# What a says of its IKE SA and the CHILD_SA that carries, without a process more than it takes.
up_on_a() { # sets GOT_IKE, GOT_ESP and GOT_SPI
	local line next=
	GOT_IKE='' GOT_ESP='' GOT_SPI=''
	while IFS= read -r line; do
		case $line in
		*'IKE proposal: '*) GOT_IKE=${line##*: } ;;
		*'}:  INSTALLED, '*) GOT_SPI=${line##*SPIs: } next=yes ;;
		*' bytes_i'*)
			line=${line#*'}:  '}
			[ -z "$next" ] || GOT_ESP=${line%%,*}
			next=
			;;
		esac
	done <<<"$(ikectl a statusall)"
}
no_sas() { [[ $(ikectl a statusall) == *'(0 up, 0 connecting)'* ]] && [[ -z $(on b ip xfrm state list) ]]; }

# row IKE ESP WHAT: negotiate these and no others, and ping; WHAT is the third column of the table
row() {
	local ike=$1 esp=$2 group
	configure a ike_proposals="$ike!" esp_proposals="$esp!"
	ikemesh_config a >"$SCRATCH/a/ikemesh.yml"
	cat >"$SCRATCH/b/run/row.conf" <<-CONF
		connections {
			row {
				version = 2
				local_addrs = 10.1.0.2
				remote_addrs = 10.1.0.1
				proposals = $ike
				local {
					auth = ${AUTH:-pubkey}
					certs = $CERTS/$(option b certificate).pem
				}
				remote {
					auth = pubkey
				}
				children {
					row {
						mode = transport
						esp_proposals = $esp
						policies_fwd_out = no
					}
				}
			}
		}
	CONF
	{ ikectl a reload && swan --load-conns --file /run/row.conf; } >"$SCRATCH/out" 2>&1 || fail "$ike $esp: $(tail -n 3 "$SCRATCH/out")"

	on a ping -n -c 1 -W 5 10.1.0.2 >"$SCRATCH/out" || fail "$ike $esp: begun by ikemesh: $(tail -n 4 "$SCRATCH/b/log"); $(tail -n 2 "$SCRATCH/a/log")"
	up_on_a
	group=
	case $esp in *-modp* | *-ecp* | *-curve*)
		# The group of its own is used when the CHILD_SA is rekeyed, by either side.
		rekeyed ikectl a rekey 10.1.0.2
		rekeyed swan --rekey --child row
		on a ping -n -c 1 -W 5 10.1.0.2 >"$SCRATCH/out" || fail "$ike $esp: no ping after the rekeys"
		;;
	esac
	local by_us="$GOT_IKE $GOT_ESP"
	down

	swan --initiate --child row --timeout 10 >"$SCRATCH/out" 2>&1 || fail "$ike $esp: begun by strongSwan: $(tail -n 6 "$SCRATCH/out"); $(tail -n 2 "$SCRATCH/a/log")"
	on b ping -n -c 1 -W 5 10.1.0.1 >"$SCRATCH/out" || fail "$ike $esp: begun by strongSwan: no ping"
	up_on_a
	[ "${by_us%% *}" = "$GOT_IKE" ] || fail "$ike: begun by ikemesh $by_us, begun by strongSwan $GOT_IKE"
	down
	say "$ike $esp${3:+ $3}: $by_us"
	table+=("| ${3:-$([ "$1" = "$IKE" ] && [ "$2" != "$ESP" ] && echo "$esp" || echo "$ike")} | ${by_us/ / | } |")
}
rekeyed() { # COMMAND…: there is another CHILD_SA afterwards, with a group of its own
	local before=$GOT_SPI
	"$@" >"$SCRATCH/out" 2>&1 || fail "$ike $esp: $*: $(tail -n 4 "$SCRATCH/out")"
	other() { up_on_a && [ -n "$GOT_SPI" ] && [ "$GOT_SPI" != "$before" ] && [[ $GOT_ESP == */MODP_* || $GOT_ESP == */ECP_* || $GOT_ESP == */CURVE_* ]]; }
	until_ok 8 other || fail "$ike $esp: $* led to no CHILD_SA with a group: $GOT_ESP; $(tail -n 3 "$SCRATCH/a/log")"
}
down() {
	ikectl a down 10.1.0.2 >/dev/null
	until_ok 8 no_sas || fail "$ike $esp: the SAs do not go: $(ikectl a statusall)"
}
some() { # of the words given, all or every NTH only: N WORD…
	local n=$1 i=0 w
	shift
	for w in "$@"; do
		[ -z "$ALL" ] && [ $((i++ % n)) != 0 ] || echo "$w"
	done
}
into_docs() { # HEADING COLUMNS: the table takes the place of the one that this run made before
	local f=$LAB_TOP/docs/interop.md
	[ -n "$ALL" ] || return 0
	{
		echo "| $2 |"
		sed 's/[^|]\+/---/g' <<<"| $2 |"
		printf '%s\n' "${table[@]}"
	} >"$SCRATCH/table"
	until_ok 60 mkdir "$f.lock" || fail "docs/interop.md.lock is in the way"
	[ -s "$f" ] || printf '<!-- SPDX-License-Identifier: Apache-2.0 -->\n# What ikemesh has been tried with\n' >"$f"
	grep -q "^<!-- suites-$1 begin" "$f" ||
		printf '\n## %s\n\n<!-- suites-%s begin: written by LAB_SUITES=all ./run lab suites -->\n<!-- suites-%s end -->\n' "$3" "$1" "$1" >>"$f"
	awk -v table="$SCRATCH/table" -v which="suites-$1" '
		index($0, "<!-- " which " end") == 1 { while ((getline line < table) > 0) print line; skip = 0 }
		!skip { print }
		index($0, "<!-- " which " begin") == 1 { skip = 1 }' "$f" >"$SCRATCH/interop.md"
	cp "$SCRATCH/interop.md" "$f"
	rmdir "$f.lock"
}
GROUPS_BOTH='modp2048 modp3072 modp4096 ecp256 ecp384 curve25519'

case $1 in
ike)
	start a b
	for cipher in aes128 aes256 aes128gcm16 aes256gcm16; do
		for hash in sha256 sha384 sha512; do
			for group in $GROUPS_BOTH; do
				case $cipher in *gcm*) echo "$cipher-prf$hash-$group" ;; *) echo "$cipher-$hash-$group" ;; esac
			done
		done
	done >"$SCRATCH/proposals"
	for p in $(some 11 $(cat "$SCRATCH/proposals")); do row "$p" $ESP; done
	into_docs ike "IKE proposal | IKE SA | CHILD_SA" "IKE proposals, with strongSwan"
	;;
esp)
	start a b
	for cipher in aes128gcm16 aes256gcm16 aes{128,256}-sha{256,384,512}; do
		for group in '' $GROUPS_BOTH; do
			for esn in '' -esn; do echo "$cipher${group:+-$group}$esn"; done
		done
	done >"$SCRATCH/proposals"
	for p in $(some 17 $(cat "$SCRATCH/proposals")); do row $IKE "$p"; done
	into_docs esp "ESP proposal | IKE SA | CHILD_SA, after a rekey if there is a group" "ESP proposals, with strongSwan"
	;;
signature)
	# LABEL KEY AUTH CHARON…: with certificates of that key, strongSwan's `auth`, lines for its strongswan.conf
	schemes() {
		local label=$1 key=$2 how=$3
		shift 3
		[ -e "$CERTS/with-$key.key" ] || cert "with-$key" ca "$key"
		AUTH=$how
		configure all certificate="with-$key"
		configure b charon="load = $PLUGINS"$'\n'"$*"
		: >"$SCRATCH/b/log"
		start a b
		row $IKE $ESP "$label"
		# What b's log says of the signatures that it has seen, and of its own.
		local ours theirs
		ours=$(sed -n 's/.*authentication of .*[^)] with \([A-Z0-9_a-z -]*\) successful.*/\1/p' "$SCRATCH/b/log" | sort -u | paste -s -d ' ')
		theirs=$(sed -n 's/.*authentication of .*(myself) with \([A-Z0-9_a-z -]*\) successful.*/\1/p' "$SCRATCH/b/log" | sort -u | paste -s -d ' ')
		table[-1]="| $label | $ours | $theirs |"
		say "$label: $ours; $theirs"
		stop a b
	}
	old='signature_authentication = no' pss='rsa_pss = yes'
	while IFS='|' read -r label key how charon; do
		echo "$label" >>"$SCRATCH/proposals"
		case $label in *' (all)') [ -n "$ALL" ] || continue ;; esac
		schemes "${label% (all)}" "$key" "$how" "$charon" </dev/null
	done <<-ROWS
		RSA 3072|rsa3072|pubkey|
		RSA 3072, PSS|rsa3072|pubkey|$pss
		RSA 3072, SHA-384 (all)|rsa3072|ike:rsa-sha384|
		RSA 3072, SHA-512 (all)|rsa3072|ike:rsa-sha512|
		RSA 3072, PSS, SHA-384 (all)|rsa3072|ike:rsa/pss-sha384|
		RSA 3072, PSS, SHA-512 (all)|rsa3072|ike:rsa/pss-sha512|
		RSA 3072, without RFC 7427|rsa3072|pubkey|$old
		RSA 4096 (all)|rsa4096|pubkey|
		ECDSA P-256|p256|pubkey|
		ECDSA P-256, without RFC 7427 (all)|p256|pubkey|$old
		ECDSA P-384 (all)|p384|pubkey|
		ECDSA P-384, without RFC 7427 (all)|p384|pubkey|$old
		Ed25519|ed25519|pubkey|
	ROWS
	into_docs signature "Certificates and strongSwan's setting | ikemesh signs | strongSwan signs" "Signatures, with strongSwan"
	;;
esac
report "${#table[@]} of $(wc -l <"$SCRATCH/proposals") proposals negotiated and pinged through, begun by either side"
