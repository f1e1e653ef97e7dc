# SPDX-License-Identifier: Apache-2.0
# Prometheus, as Debian packages it, scrapes ikemesh-exporter, which runs as nobody in a group that may look:
# what it stores is what ikectl says, the alerts of a peer without an SA and of one in the clear fire, a
# reload moves the exporter, and a daemon that was killed is told of.
# LAB_METRICS_SECONDS=60: scrapes for a minute.
# takes: 40
seconds=${LAB_METRICS_SECONDS:-12}
ca ca
cert instance ca
configure a ipsec_subnets='10.1.0.0/16 10.2.0.0/16' yaml='metrics_listen: 9500
control_group: games'
host a ikemesh 10.1.0.1/16 10.2.0.1/16
host b ikemesh 10.1.0.2/16
host c plain 10.1.0.3/16
host d plain 10.2.0.4/16
[ "${KIND[a]}" = ikemesh ] || skip "this is about ikemesh"
chmod 711 "$SCRATCH" "$SCRATCH/a"

get() { # PORT PATH: what the exporter answers, on a
	on a timeout 10 bash -c 'exec 3<>/dev/tcp/127.0.0.1/$1 && printf "GET $2 HTTP/1.0\r\n\r\n" >&3 && cat <&3' get "$1" "$2" 2>/dev/null
}
_heals() { [[ $(get "$1" /-/healthy) == *" 200 "* ]]; }
gone() { ! _heals "$1"; }
query() { on a promtool query instant http://127.0.0.1:9090 "$1"; }
value() { query "$1" | sed -nE 's/.* => ([^ ]+) @.*/\1/p'; }
_is() { [ "$(value "$1")" = "$2" ]; }
expect_value() { # QUERY VALUE [SECONDS]
	until_ok "${3:-10}" _is "$1" "$2" || fail "$1 is '$(value "$1")', not $2"
}
said() { ikectl a statusall --json | grep -m 1 -oE "\"$1\": [0-9]+" | grep -oE '[0-9]+$'; }

start a b
ikectl a mode optional 10.2.0.0/16 >/dev/null
on a setpriv --reuid nobody --regid games --clear-groups "$BIN/ikemesh-exporter" --run-dir "$SCRATCH/a/run" 2>"$SCRATCH/exporter.log" &
until_ok 10 _heals 9500 || fail "the exporter does not listen: $(cat "$SCRATCH/exporter.log")"
status=/proc/$(pgrep -u nobody ikemesh-exporte)/status
grep -Eq '^CapEff:\s*0+$' "$status" || fail "the exporter has privileges: $(cat "$status")"

# The rules as they are, but for their patience.
sed -E 's/> 300$/> 2/; s/for: [0-9]+[mh]/for: 1s/' "$LAB_TOP/dist/prometheus/ikemesh.rules.yml" >"$SCRATCH/rules.yml"
cat >"$SCRATCH/prometheus.yml" <<YML
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [$SCRATCH/rules.yml]
scrape_configs:
- job_name: ikemesh
  static_configs: [{targets: ['127.0.0.1:9500']}]
YML
promtool check config "$SCRATCH/prometheus.yml" || fail "promtool does not take the configuration"
on a prometheus --config.file "$SCRATCH/prometheus.yml" --storage.tsdb.path "$SCRATCH/tsdb" \
	--web.listen-address 127.0.0.1:9090 --log.level warn >"$SCRATCH/prometheus.log" 2>&1 &
bring_up a b
BEFORE=$(cpu_of a)
ping_none a c 3 0.2 || true
on d ping -n -c 3 -i 0.2 10.2.0.1 >/dev/null || fail "d is not answered in the clear"
until_ok 30 _is 'up{job="ikemesh"}' 1 || fail "Prometheus does not scrape: $(cat "$SCRATCH/prometheus.log")"
nap "$seconds"
ikectl a metrics --prometheus >"$SCRATCH/text"
found=$(promtool check metrics <"$SCRATCH/text" 2>&1) && [ -z "$found" ] || fail "promtool check metrics: $found"

expect_value ikemesh_up 1
for process in daemon keyholder; do
	expect_value "ikemesh_resident_memory_bytes{process=\"$process\"} > bool 500000" 1
done
expect_value 'ikemesh_pairs{state="up"}' 1
expect_value 'ikemesh_subnets{rule="optional"}' 1
for name in acquires child_sas; do
	case $name in acquires) metric=ikemesh_acquires_total ;; child_sas) metric='sum(ikemesh_child_sas)' ;; esac
	_same() { [ "$(value "$metric")" = "$(said $name)" ]; }
	until_ok 10 _same || fail "$metric is $(value "$metric"), and ikectl says $(said $name)"
done
expect_value 'count(count by (instance, kind) (ikemesh_certificate_expiry_timestamp_seconds{kind=~"own|ca"} > time()))' 2
series=$(value 'count({__name__=~"ikemesh_.+"})')
[ "$series" -ge 150 ] && [ "$series" -le 250 ] || fail "$series series"
scrapes=$(value 'sum_over_time(up{job="ikemesh"}[5m])')
[ "$scrapes" -ge $((seconds / 2)) ] || fail "only $scrapes scrapes in $seconds s"
lost=$(value 'count_over_time(up{job="ikemesh"}[5m]) - sum_over_time(up{job="ikemesh"}[5m])')
[ "$lost" = 0 ] || fail "$lost scrapes failed: $(cat "$SCRATCH/prometheus.log")"
report "$scrapes scrapes of $series series, all of them taken; they took the daemon $(($(cpu_of a) - BEFORE)) ms of CPU, handshakes included"

firing() { query "ALERTS{alertstate=\"firing\",alertname=\"$1\"}" | grep -c -- "${2:-=>}"; }
_fires() { [ "$(firing "$@")" -ge 1 ]; }
until_ok 15 _fires IkemeshPairDown 'remote="10.1.0.3"' || fail "no alert for c: $(query ALERTS)"
until_ok 15 _fires IkemeshCleartextPeer || fail "no alert for d, which talks in the clear: $(query ALERTS; ikectl a metrics | grep clear)"
! _fires IkemeshPairDown 'remote="10.1.0.2"' || fail "an alert for b, which is up"
! _fires IkemeshDown || fail "an alert for a daemon that runs"
why=$(query 'ikemesh_pair_trouble_seconds{remote="10.1.0.3"}' | grep -oE 'reason="[a-z-]+"')
report "alerts fire for the pair without an SA ($why) and for the peer in the clear, and for nobody else"

crash a
expect_value ikemesh_up 0
until_ok 10 _fires IkemeshDown || fail "no alert for a daemon that was killed"
start a
expect_value ikemesh_up 1
sed -i 's/^metrics_listen: 9500$/metrics_listen: 9501/' "$SCRATCH/a/ikemesh.yml"
ikectl a reload >/dev/null
until_ok 10 _heals 9501 || fail "the exporter did not move: $(cat "$SCRATCH/exporter.log")"
gone 9500 || fail "it answers at its old port, too"
sed -i '/^metrics_listen/d' "$SCRATCH/a/ikemesh.yml"
ikectl a reload >/dev/null
until_ok 10 gone 9501 || fail "the exporter still listens"
report "killed, it was told of as down; two reloads moved the exporter, and ended its listening"
