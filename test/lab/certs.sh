# SPDX-License-Identifier: Apache-2.0
# Certificates, made on the spot. Sourced by lab.sh.
#
#   ca NAME [PARENT [KEY]]                a CA, self-signed (PARENT is missing or -) or under another one
#   cert NAME CA [KEY [FROM UNTIL]]       a certificate for an instance
#   SAN=IP:10.1.0.2 cert NAME …           the same with a subjectAltName
#   bundle NAME CERT CA…                  CERT with its intermediates, as one file, with CERT's key
#   crl NAME CA [CERT…]                   $CERTS/NAME.crl: what CA has revoked, these certificates among it
#
# KEY is rsa3072, rsa4096, p256, p384 or ed25519.
#
# They end up as $CERTS/NAME.pem and $CERTS/NAME.key. FROM and UNTIL are what date(1) understands.
# Making RSA keys is slow, so each name keeps its key from run to run, and its certificate within a run:
# the same words always give the same certificate.
CERTS=$SCRATCH/certs
mkdir -p "$CERTS/db" "$LAB_KEYS/issued"

cat >"$CERTS/openssl.cnf" <<CNF
[ca]
default_ca = lab
[lab]
database = $CERTS/db/index
new_certs_dir = $CERTS/db
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
copy_extensions = none
[any]
organizationName = optional
commonName = supplied
[req]
distinguished_name = dn
[dn]
[v3_ca]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[v3_instance]
basicConstraints = CA:false
keyUsage = digitalSignature
extendedKeyUsage = serverAuth,clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[v3_san]
basicConstraints = CA:false
keyUsage = digitalSignature
extendedKeyUsage = serverAuth,clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = \$ENV::LAB_SAN
CNF
export LAB_SAN=DNS:none
: >"$CERTS/db/index"

_issue() { # NAME ISSUER KEY EXTENSIONS FROM UNTIL; an issuer of the same name signs itself
	local name=$1 key=$LAB_KEYS/$1-$3.key new=new.$RANDOM$RANDOM issued signer
	if [ ! -s "$key" ]; then
		case $3 in
		rsa*) openssl genrsa -out "$key.$new" "${3#rsa}" 2>/dev/null ;;
		p*) openssl genpkey -algorithm EC -pkeyopt "ec_paramgen_curve:P-${3#p}" -out "$key.$new" ;;
		*) openssl genpkey -algorithm "$3" -out "$key.$new" ;;
		esac
		_settle "$key.$new" "$key"
	fi
	ln -s "$key" "$CERTS/$name.key"
	issued="$* ${LAB_SAN//[\/:,]/_}"
	issued=$LAB_KEYS/issued/${issued// /-}
	if [ ! -s "$issued" ]; then
		signer=(-cert "$CERTS/$2.pem" -keyfile "$CERTS/$2.key")
		[ "$name" != "$2" ] || signer=(-selfsign -keyfile "$key")
		openssl req -new -config "$CERTS/openssl.cnf" -key "$key" -subj "/O=lab/CN=$name" -out "$CERTS/csr"
		openssl ca -batch -notext -config "$CERTS/openssl.cnf" "${signer[@]}" -extensions "$4" \
			-startdate "$(date -ud "$5" +%Y%m%d%H%M%SZ)" -enddate "$(date -ud "$6" +%Y%m%d%H%M%SZ)" \
			-in "$CERTS/csr" -out "$CERTS/$name.pem" 2>"$CERTS/out" || fail "no certificate $name: $(cat "$CERTS/out")"
		cp "$CERTS/$name.pem" "$issued.$new"
		_settle "$issued.$new" "$issued"
	fi
	[ -s "$CERTS/$name.pem" ] || ln -s "$issued" "$CERTS/$name.pem"
}

# Another guest may be making the same thing: the first one stays.
_settle() {
	ln "$1" "$2" 2>/dev/null || true
	rm -f "$1"
}

ca() {
	local parent=${2:--}
	_issue "$1" "${parent/#-/$1}" "${3:-rsa3072}" v3_ca "1 day ago" "10 years"
}
cert() {
	LAB_SAN=${SAN:-DNS:none} _issue "$1" "$2" "${3:-rsa3072}" "$([ -n "${SAN:-}" ] && echo v3_san || echo v3_instance)" \
		"${4:-1 day ago}" "${5:-1 year}"
}
crl() {
	local name=$1 ca=$2 c
	shift 2
	for c in "$@"; do
		openssl ca -batch -config "$CERTS/openssl.cnf" -cert "$CERTS/$ca.pem" -keyfile "$CERTS/$ca.key" \
			-revoke "$CERTS/$c.pem" 2>"$CERTS/out" || fail "$c is not revoked: $(cat "$CERTS/out")"
	done
	openssl ca -batch -config "$CERTS/openssl.cnf" -cert "$CERTS/$ca.pem" -keyfile "$CERTS/$ca.key" \
		-gencrl -crldays 1 -out "$CERTS/$name.crl" 2>"$CERTS/out" || fail "no CRL $name: $(cat "$CERTS/out")"
}
bundle() {
	local name=$1 c
	shift
	for c in "$@"; do cat "$CERTS/$c.pem"; done >"$CERTS/$name.pem"
	ln -s "$CERTS/$1.key" "$CERTS/$name.key"
}
