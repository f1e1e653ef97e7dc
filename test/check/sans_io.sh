#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test/check/sans_io.sh LIBRARY
# The protocol core is a pure function of its events: its library calls nothing that is not listed
# here (no socket, clock, file, log or thread), and has no data that could be written to. Names
# defined in the library itself, or in libikemesh_crypto.a beside it, are fine. First shows on
# libraries made up for that, that it can find each kind of breach.
set -eu
export LC_ALL=C

ALLOWED='
	memchr memcmp memcpy memmove memset explicit_bzero
	strchr strrchr strcmp strncmp strlen strnlen strspn strcspn strstr strerror
	malloc calloc realloc free aligned_alloc
	snprintf vsnprintf vasprintf asprintf
	inet_ntop inet_pton
	qsort bsearch strtoul strtoull
	abort
'
# What the compiler adds: fortified and protected forms, and the sanitizers.
ADDED='^(__(mem|str|snprintf|vsnprintf|vasprintf|asprintf|explicit_bzero)[a-z_]*_chk|__stack_chk_fail|__(asan|ubsan|sanitizer|odr_asan|gcov)_.*|_GLOBAL_OFFSET_TABLE_)$'

defined() { nm --defined-only --extern-only -P "$@" 2>/dev/null | awk 'NF >= 2 { print $1 }' | sort -u; }

calls() { # LIBRARY CRYPTO: what the library needs and may not call, as "OBJECT: NAME"
	nm --undefined-only --print-file-name -P "$1" 2>/dev/null | sed -E 's/^[^[]*\[([^]]*)\]: ([^ ]+).*/\1 \2/' |
		awk -v added="$ADDED" '
			FILENAME != "-" { known[$1]; next }
			!($2 in known) && $2 !~ added { print $1 ": calls " $2 }' \
			<(tr -s ' \t' '\n' <<<"$ALLOWED"; defined "$1"; defined "$2") -
}

# Data in a section that stays writable once the program runs (.data.rel.ro does not).
writable() { # LIBRARY
	nm --format=sysv "$1" 2>/dev/null | awk -F'[[:space:]]*[|]' '
		/^Symbols from/ { sub(/^Symbols from [^[]*\[/, ""); sub(/\].*/, ""); object = $0; next }
		NF < 7 || $1 ~ /^(__odr_asan|__asan|__gcov|\.LASAN|\*\.LASAN|\.Lubsan)/ { next }
		$3 ~ /^ *[BDCGS] *$/ || $3 ~ /^ *[bdcgs] *$/ || $7 ~ /^ *\.t(data|bss)/ {
			if ($7 !~ /\.data\.rel\.ro/) print object ": writable data " $1
		}'
}

breaches() { # LIBRARY CRYPTO
	calls "$1" "$2"
	writable "$1"
}

library() { # FILE SOURCE: makes FILE.a
	printf '%s\n' "$2" >"$1.c"
	${CC:-cc} -fPIC -O1 -w -x c -c "$1.c" -o "$1.o"
	ar rc "$1.a" "$1.o"
}

self_test() {
	local bad n=0
	dir=$(mktemp -d)
	trap 'rm -rf "$dir"' EXIT
	library "$dir/crypto" 'int sealed(int x) { return x; }'
	library "$dir/good" '#include <string.h>
		int sealed(int); static const char *const names[] = { "a", "b" };
		const char *const *table(void) { return names; } const char *const row = "c";
		int f(char *a, const char *b, int n) { memcpy(a, b, n); return sealed(n); }'
	[ -z "$(breaches "$dir/good.a" "$dir/crypto.a")" ] || {
		echo "sans_io.sh: refuses what is allowed"
		breaches "$dir/good.a" "$dir/crypto.a"
		exit 1
	}
	while read -r bad; do
		n=$((n + 1))
		library "$dir/bad$n" "$bad"
		[ "$(breaches "$dir/bad$n.a" "$dir/crypto.a" | wc -l)" = 1 ] || {
			echo "sans_io.sh: did not find the breach in: $bad"
			exit 1
		}
	done <<-'BAD'
		long time(long *); long f(void) { return time(0); }
		int clock_gettime(int, void *); int f(void *p) { return clock_gettime(0, p); }
		int socket(int, int, int); int f(void) { return socket(2, 2, 0); }
		int open(const char *, int, ...); int f(void) { return open("/etc/passwd", 0); }
		int printf(const char *, ...); int f(int x) { return printf("%d", x); }
		void syslog(int, const char *, ...); void f(void) { syslog(3, "x"); }
		int pthread_mutex_lock(void *); int f(void *p) { return pthread_mutex_lock(p); }
		long random(void); long f(void) { return random(); }
		char *getenv(const char *); char *f(void) { return getenv("HOME"); }
		static int count; int f(void) { return ++count; }
		static int count = 7; int f(void) { return ++count; }
		int count;
		const char *name = "x";
		_Thread_local int count;
	BAD
}

lib=${1:?usage: sans_io.sh LIBRARY}
crypto=$(dirname "$lib")/libikemesh_crypto.a
for file in "$lib" "$crypto"; do
	[ -s "$file" ] || { echo "sans_io.sh: no $file"; exit 1; }
done
self_test
found=$(breaches "$lib" "$crypto")
if [ -n "$found" ]; then
	echo "$found"
	exit 1
fi
echo "sans_io: $(ar t "$lib" | wc -l) objects without I/O or state"
