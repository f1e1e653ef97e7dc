#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# vectors.sh SEEDS OUT: inputs for the fuzz targets from published test data, where that is present
# (beside the checkout, or in $IKEMESH_VECTORS); SEEDS is the program fuzz_seeds. Nothing of it is
# kept but below OUT.
set -eu
seeds=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
cd "$(dirname "$0")/../.."
vectors=${IKEMESH_VECTORS:-../shared/vectors}
[ -d "$vectors" ] || exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

files_of() { find "$1" -type f "${@:2}" -print0; }

"$seeds" "$out" capture "$vectors"/pcap/*.pcap* "$vectors"/pcap-keyed/*.pcap*
tar -xzf "$vectors/fuzz-seeds/openiked-fuzzing-corpus.tar.gz" -C "$work"
files_of "$work/corpus" -size +27c | xargs -0 "$seeds" "$out" message
"$seeds" "$out" message "$vectors"/fuzz-seeds/*.bin
mkdir "$work/x509"
tar -xzf "$vectors/x509/nist-pkits.tar.gz" -C "$work/x509"
files_of "$work/x509" -name '*.crt' | xargs -0 "$seeds" "$out" certificate
files_of "$work/x509" -name '*.crl' | xargs -0 "$seeds" "$out" list
