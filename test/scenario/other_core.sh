#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# other_core.sh TREE BUILD OUT: compiles the ike/ of TREE, and links BUILD's simulator with it as OUT:
# hosts of even number run BUILD's own core, those of odd number TREE's. With MIX=no all run TREE's.
set -eu
tree=$(realpath "$1") build=$(realpath "$2") out=$3
objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT

(cd "$tree" && ls ike/*.c ike/*/*.c) | xargs -P "$(nproc)" -I FILE sh -c '
	cc -std=c11 -O1 -g -D_GNU_SOURCE -DIKEMESH_VERSION=\"other\" -fPIC -fno-strict-aliasing \
		-I "$0" -c "$0/$1" -o "$2/$(echo "$1" | tr / _).o"' "$tree" FILE "$objects"

wrap=-Wl,--wrap=ossl_prf,--wrap=ossl_integ,--wrap=ossl_cbc_seal,--wrap=ossl_cbc_open,--wrap=sha1
libraries="-lcmocka -lcrypto -lmnl -lyaml -ljansson -lsystemd -lpthread -lm"
rooms="$build/test/libikemesh_testlib.a $build/libikemesh_daemon.a $build/libikemesh_ctl.a
	$build/libikemesh_config.a $build/libikemesh_xfrm.a"
front="engine_new engine_free engine_step engine_status engine_counters engine_knows_sa"

if [ "${MIX-yes}" = yes ]; then
	# Only its front door is seen from outside, and that under another name.
	ld -r -o "$objects/whole" "$objects"/*.o
	rm "$objects"/*.o
	objcopy $(printf -- '--keep-global-symbol=%s ' $front) "$objects/whole" "$objects/hidden"
	objcopy $(printf -- '--redefine-sym %s ' $(for f in $front; do echo "$f=other_$f"; done)) \
		"$objects/hidden" "$objects/other.o"
	rooms="$rooms $build/libikemesh_ike.a"
fi
cc $wrap -o "$out" "$build"/test/CMakeFiles/sim.dir/scenario/*.o "$objects"/*.o \
	$rooms "$build/libikemesh_ike.a" "$build/libikemesh_crypto.a" $libraries
