#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test/check/promtool.sh BUILD_DIR
# Prometheus' own tool takes the metrics and the rules, the rules fire when they should, and the dashboard's
# expressions are well-formed. 77 where there is no promtool (package prometheus).
set -eu
command -v promtool >/dev/null || { echo "no promtool here: skipped"; exit 77; }
TEXT=$1/test/metrics_text
RULES=dist/prometheus/ikemesh.rules.yml
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$(dirname "$0")/../.."

# promtool says what it thinks amiss on standard output, too, and lint is no error to it: nothing may be said.
"$TEXT" --prometheus test/metrics/document.json >"$work/text"
said=$(promtool check metrics <"$work/text" 2>&1) || { echo "$said"; exit 1; }
[ -z "$said" ] || { echo "promtool check metrics: $said"; exit 1; }
sed 's/ikemesh_acquires_total/ikemesh_acquires/' "$work/text" | promtool check metrics 2>&1 | grep -q acquires ||
	{ echo "promtool check metrics takes everything"; exit 1; }

promtool check rules "$RULES"
promtool test rules test/metrics/rules_test.yml test/metrics/certificates_test.yml

# The dashboard's, with what Grafana puts in; one that asks for a variable's values is no expression.
{
	echo 'groups: [{name: dashboard, rules: ['
	"$TEXT" --exprs dist/grafana/ikemesh.json | grep -v '^label_values' |
		sed 's/\$__rate_interval/5m/g; s/\$[a-z]*/x/g' | sort -u |
		awk -v q="'" '{ printf "{record: \"d:e%d\", expr: %s%s%s},\n", NR, q, $0, q }'
	echo ']}]'
} >"$work/dashboard.yml"
promtool check rules "$work/dashboard.yml"
