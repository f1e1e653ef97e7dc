#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# ikectl_page.sh IKECTL - prints ikectl(8), its commands being those of `IKECTL --help`.
set -eu
help=$("$1" --help)
cat <<'ROFF'
.\" SPDX-License-Identifier: Apache-2.0
.TH IKECTL 8 "" "ikemesh" "System administration"
.SH NAME
ikectl \- shows and steers ikemeshd
.SH SYNOPSIS
.B ikectl
.RB [ \-\-run\-dir
.IR DIR ]
.RB [ \-\-json ]
.I COMMAND
.SH DESCRIPTION
Asks
.BR ikemeshd (8)
by its control socket, as root. Members of the group that control_group names may look, and change
nothing.
.SH COMMANDS
ROFF
printf '%s\n' "$help" | awk '
	function roff(s) { gsub(/\\/, "\\e", s); gsub(/-/, "\\-", s); return s ~ /^[.\x27]/ ? "\\&" s : s }
	/^  ikectl / { on = 1; next }
	/^  --run-dir/ { exit }
	!on || /^ *$/ { next }
	/^  [^ ]/ {
		line = substr($0, 3); text = ""
		if ((i = index(line, "  ")) > 0) { text = substr(line, i); line = substr(line, 1, i - 1); sub(/^ +/, "", text) }
		print ".TP\n.B " roff(line)
		if (text != "") print roff(text)
		next
	}
	{ sub(/^ +/, ""); print roff($0) }'
cat <<'ROFF'
.SH OPTIONS
.TP
.BI \-\-run\-dir " DIR"
Where the daemon's socket is; default
.IR /run/ikemesh .
.TP
.B \-\-json
Machine\-readable output, with stable names.
.SH EXIT STATUS
ROFF
printf '%s\n' "$help" | sed -n '/^Exit status: /,$ { s/^Exit status: //; s/-/\\-/g; p }'
cat <<'ROFF'
.SH SEE ALSO
.BR ikemeshd (8),
.BR ikemesh.yml (5)
ROFF
