#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test/check/bad_input.sh CASES
# The table in docs/bad-input.md has the cases that the program has, in its order: made anew by `./run cases`.
# Every limit that is counted stands there, too.
set -eu
cd "$(dirname "$0")/../.."
rc=0
diff <("$1" --names) <(sed -nE 's/^\| (T[0-9]+ )? ?([a-z0-9_]+) \| .* handshakes after \|$/\2/p' docs/bad-input.md) || rc=1
for name in $(sed -nE 's/.*\[LIMIT_[A-Z_]+\] = "([a-z-]+)".*/\1/p' ike/tally.c); do
	grep -q "^|.*\`$name\`.* |" docs/bad-input.md || { echo "no limit $name in docs/bad-input.md"; rc=1; }
done
[ $rc = 0 ] || echo 'bad_input.sh: docs/bad-input.md is out of date'
exit $rc
