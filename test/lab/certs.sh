# SPDX-License-Identifier: Apache-2.0
# Certificates, made on the spot. Sourced by lab.sh.
#
#   ca NAME [PARENT]                      a CA, self-signed or under another one
#   cert NAME CA [KEY [FROM UNTIL]]       a certificate for an instance; KEY is rsa3072 or rsa4096
#
# They end up as $CERTS/NAME.pem and $CERTS/NAME.key. FROM and UNTIL are what date(1) understands.
# Making an RSA key is slow: keys come from a pool that outlives the run, none used twice in a test.
CERTS=$SCRATCH/certs
mkdir -p "$CERTS/db"
declare -A KEYS_USED=()

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
CNF
: >"$CERTS/db/index"

_key() { # NAME KIND: the next unused key of the pool
	local n=${KEYS_USED[$2]:-0} pool new
	KEYS_USED[$2]=$((n + 1))
	pool=$LAB_KEYS/$2-$n.pem
	if [ ! -s "$pool" ]; then
		new=$pool.new.$RANDOM$RANDOM
		openssl genrsa -out "$new" "${2#rsa}" 2>/dev/null
		mv "$new" "$pool"
	fi
	cp "$pool" "$CERTS/$1.key"
	chmod 600 "$CERTS/$1.key"
}

_issue() { # NAME ISSUER SUBJECT EXTENSIONS FROM UNTIL; an issuer of the same name signs itself
	local signer=(-cert "$CERTS/$2.pem" -keyfile "$CERTS/$2.key")
	[ "$1" != "$2" ] || signer=(-selfsign -keyfile "$CERTS/$1.key")
	openssl req -new -config "$CERTS/openssl.cnf" -key "$CERTS/$1.key" -subj "$3" -out "$CERTS/$1.csr"
	openssl ca -batch -notext -config "$CERTS/openssl.cnf" "${signer[@]}" -extensions "$4" \
		-startdate "$(date -ud "$5" +%Y%m%d%H%M%SZ)" -enddate "$(date -ud "$6" +%Y%m%d%H%M%SZ)" \
		-in "$CERTS/$1.csr" -out "$CERTS/$1.pem" 2>"$CERTS/$1.out" || fail "no certificate $1: $(cat "$CERTS/$1.out")"
}

ca() {
	_key "$1" rsa3072
	_issue "$1" "${2:-$1}" "/O=lab/CN=$1" v3_ca "1 day ago" "10 years"
}

cert() {
	_key "$1" "${3:-rsa3072}"
	_issue "$1" "$2" "/O=lab/CN=$1" v3_instance "${4:-1 day ago}" "${5:-1 year}"
}
