#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test/check/metrics.sh BUILD_DIR
# What the dashboard and the alert rules ask for exists: every metric, every label that is matched, every
# value that is asked for, is in what is printed of the full document (test/metrics/document.json), and
# every family that is printed stands in docs/metrics.md, and no other. First shows on expressions made up for that that
# it can find each kind of breach.
set -eu
export LC_ALL=C
TEXT=$1/test/metrics_text
DOCUMENT=test/metrics/document.json
DASHBOARD=dist/grafana/ikemesh.json
RULES=dist/prometheus/ikemesh.rules.yml
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Expressions on standard input; $1: samples. Labels that Prometheus itself adds are passed over.
breaches() {
	{ grep -oE '(^|[^a-z_:])ikemesh_[a-z0-9_]+(\{[^}]*\})?' || true; } | sed 's/^[^i]//' | sort -u |
		awk -v samples="$1" '
		BEGIN {
			while ((getline line < samples) > 0) {
				if (line ~ /^#/) continue
				name = line; sub(/[{ ].*/, "", name); names[name]
				rest = line
				while (match(rest, /[a-z_]+="([^"\\]|\\.)*"/)) {
					pair = substr(rest, RSTART, RLENGTH); rest = substr(rest, RSTART + RLENGTH)
					label = pair; sub(/=.*/, "", label)
					has[name, label]; has[name, pair]
				}
			}
		}
		{
			name = $0; sub(/\{.*/, "", name)
			if (!(name in names)) { print name ": no such metric"; next }
			rest = substr($0, length(name) + 1)
			while (match(rest, /[a-z_]+(=~|!=|!~|=)"[^"]*"/)) {
				matcher = substr(rest, RSTART, RLENGTH); rest = substr(rest, RSTART + RLENGTH)
				label = matcher; sub(/[=!].*/, "", label)
				if (label == "job" || label == "instance") continue
				if (!((name, label) in has)) print name ": no label " label
				else if (matcher ~ /^[a-z_]+="/ && !((name, matcher) in has)) print name ": never " matcher
			}
		}'
}

self_test() {
	local found wanted='ikemesh_no_such: no such metric
ikemesh_pairs: never state="nowhere"
ikemesh_pairs: no label colour'
	found=$(printf '%s\n' 'rate(ikemesh_no_such[5m])' 'sum(ikemesh_pairs{state="nowhere",job="x"})' \
		'1 - ikemesh_pairs{colour=~"red|blue"}' 'ikemesh_pairs{state="up"} / instance:ikemesh_other:rate5m' |
		breaches "$work/samples" | sort)
	[ "$found" = "$wanted" ] || { echo "metrics.sh: does not find what is made up: $found"; exit 1; }
}

cd "$(dirname "$0")/../.."
"$TEXT" "$DOCUMENT" >"$work/samples"
self_test

"$TEXT" --exprs "$DASHBOARD" >"$work/dashboard"
sed -nE 's/^ *expr: //p' "$RULES" >"$work/rules"
rc=0
for of in dashboard rules; do
	n=$(wc -l <"$work/$of")
	[ "$n" -gt 10 ] || { echo "metrics.sh: only $n expressions in the $of"; rc=1; }
	found=$(breaches "$work/samples" <"$work/$of")
	[ -z "$found" ] || { echo "$of: $found"; rc=1; }
done
undescribed=$(sed -nE 's/^# TYPE ([a-z0-9_]+) .*/\1/p' "$work/samples" | while read -r family; do
	grep -q "\`$family\`" docs/metrics.md || echo "$family"
done)
invented=$(grep -oE '`ikemesh_[a-z0-9_]+`' docs/metrics.md | tr -d '`' | sort -u | while read -r family; do
	grep -q "^# TYPE $family " "$work/samples" || echo "$family"
done)
[ -z "$invented" ] || { echo "docs/metrics.md tells of what is not there: $invented"; rc=1; }
[ -z "$undescribed" ] || { echo "docs/metrics.md says nothing of: $undescribed"; rc=1; }
[ "$rc" = 0 ] || exit 1
echo "metrics: $(grep -c '^# TYPE' "$work/samples") families, $(grep -vc '^#' "$work/samples") samples; $(wc -l <"$work/dashboard") expressions of the dashboard and $(wc -l <"$work/rules") of the rules ask for what is there"
