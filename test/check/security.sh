#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# security.sh - each test that SECURITY.md names is there: programs (…_test), their cases (test_…), and cases of the
# lab, which may be named by the beginning of their names.
set -u
failed=0 n=0
. test/lab/catalogue.sh
read_catalogue
names=$(printf '%s\n' "${NAMES[@]}")
while read -r word; do
	n=$((n + 1))
	case $word in
	test_*) grep -rqw -- "$word" test/unit test/simtest test/vectors ;;
	*_test) compgen -G "test/*/$word.c" >/dev/null ;;
	*) grep -q -- "^$word" <<<"$names" ;;
	esac || { echo "SECURITY.md: there is no test $word" && failed=1; }
done < <(sed -n '/^## What is promised/,/^## What is not/p' SECURITY.md | sed '1,/^$/d' | grep -o '`[^`]*`' | tr -d '`' |
	grep -E '^[a-z0-9_-]+$' | grep -vxE "ipsec_subnets|control_group|ppk_required|ke1_|_test" | sort -u)
[ $n -ge 50 ] || { echo "SECURITY.md: only $n tests are named" && failed=1; }
exit $failed
