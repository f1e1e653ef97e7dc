# SPDX-License-Identifier: Apache-2.0
# The add-on's own file, for tests that begin where its operators are. Sourced after lab.sh.

_pem() { sed 's/^/    /' "$1"; } # indented as the guide's template has it

# addon_manifest CERT CA…: ipsec-addon.yml, which is the template of the add-on's guide line by line, with these
# in the place of its samples. The subnets are those of `configure all`.
addon_manifest() {
	local cert=$1 net
	shift
	cat <<-'YML'
		releases:
		- {name: ipsec, version: 1.0.0}

		addons:
		- name: ipsec-addon
		  jobs:
		  - name: ipsec
		    release: ipsec
		  include:
		  stemcell:
		  - os: ubuntu-trusty
		  properties:
		  ipsec:
		    optional: false
		    ipsec_subnets:
	YML
	for net in $(option all ipsec_subnets); do echo "    - $net"; done
	echo "    no_ipsec_subnets:"
	for net in $(option all no_ipsec_subnets); do echo "    - $net # bosh director"; done
	echo "    instance_certificate: |"
	_pem "$CERTS/$cert.pem"
	echo "    instance_private_key: |"
	_pem "$CERTS/$cert.key"
	echo "    ca_certificates:"
	for c in "$@"; do
		echo "    - |"
		_pem "$CERTS/$c.pem"
	done
	cat <<-'YML'
		    prestart_timeout: 30
		    esp_proposals: aes128gcm16!
		    ike_proposals: aes128-sha256-modp2048!
	YML
}
