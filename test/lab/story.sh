# SPDX-License-Identifier: Apache-2.0
# How a test tells its story, in words of lab.sh and of machine.sh.

# A process costs some 12 ms in the guest, so these do without.
now() { NOW=$((${EPOCHREALTIME/./} / 1000)); } # ms
nap() { read -rt "$1" _ <&"$NAP_FD" || true; }  # seconds
say() {
	now
	printf '%4d.%03d  %s\n' $(((NOW - STARTED) / 1000)) $(((NOW - STARTED) % 1000)) "$*"
}
fail() {
	say "FAILED: $*"
	printf '%s\n' "${*//$'\n'/; }" >>"$SCRATCH/reason"
	exit 1
}
skip() {
	say "skipped: $*"
	printf '%s\n' "$*" >>"$SCRATCH/reason"
	exit 77
}
report() { # a figure that is worth a line beside the verdict
	say "$*"
	printf '%s\n' "$*" >>"$SCRATCH/report"
}
# until_ok SECONDS COMMAND…: try until it succeeds, or give up
until_ok() {
	local end
	now
	end=$((NOW + $1 * 1000))
	shift
	while ! "$@" >/dev/null 2>&1; do
		now
		[ "$NOW" -lt "$end" ] || return 1
		nap 0.05
	done
}

now
STARTED=$NOW
mkfifo "$SCRATCH/nap"
exec {NAP_FD}<>"$SCRATCH/nap"
