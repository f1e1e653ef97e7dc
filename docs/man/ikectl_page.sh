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
.TP
.BI \-\-color " WHEN"
.BR auto :
on a terminal that knows colours, unless
.B NO_COLOR
is set and not empty;
.B always
or
.BR never .
.SH NOTES
.B down
deletes the SAs with a peer, tells it, and waits for its answer in the background; the next packet brings new ones.
.B reset
is for a pair that is stuck: all SAs with the peer, and what is being negotiated, go at once without waiting for
its answer, the back\-off with them, and a new negotiation begins. The peer is told by DELETE, and by
INITIAL_CONTACT if it is ikemesh.
.B rekey
and
.B reauth
interrupt nothing.
.P
With
.BR \-\-wait ,
the command ends when it is known what became of it, and is 1 if that was a failure. What takes longer than a
second says on a terminal how far it is.
.P
.B import
prints a configuration, and on standard error, as FILE:LINE, what it could not carry over (warning) and what
need not be (note). Files that include others are followed; for
.I ipsec.conf
the
.I ipsec.secrets
and
.I ipsec.d
beside it are looked into, for
.I swanctl.conf
the directories beside it. Certificates and keys are named by their paths. Those whose text stands in the file, as in
an
.IR ipsec\-addon.yml ,
are written by
.B \-\-output
alone, to files of mode 0600 beside the configuration; nothing is overwritten, and no key is ever printed.
.P
.B monitor
and
.B top
are shown in docs/ikectl.md.
.SH EXIT STATUS
ROFF
printf '%s\n' "$help" | sed -n '/^Exit status: /,$ { s/^Exit status: //; s/-/\\-/g; p }'
cat <<'ROFF'
.SH SEE ALSO
.BR ikemeshd (8),
.BR ikemesh.yml (5)
ROFF
