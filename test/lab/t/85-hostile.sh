# SPDX-License-Identifier: Apache-2.0
# An engine that turns hostile: a build of ikemeshd that tries, once it is in its sandbox, to read the
# configuration and the key, the keyholder's memory, to execute something, to open another socket, and what
# else an intruder would like. Nothing of it may come off; the same as root before it must, or it shows
# nothing. Afterwards this engine serves its peers as well as any.
ca ca
cert instance ca
host a ikemesh 10.1.0.1/16
host b ikemesh 10.1.0.2/16
[ "${KIND[a]}" = ikemesh ] || skip "this is about ikemesh"
chmod 600 "$CERTS/instance.key"
out=$SCRATCH/hostile
mkdir -m 1777 "$out"
_prepare_ikemesh a
chmod 600 "$SCRATCH/a/ikemesh.yml"
mkdir -m 755 -p "$SCRATCH/a"
HOSTILE_OUT=$out HOSTILE_CONFIG=$SCRATCH/a/ikemesh.yml HOSTILE_KEY=$CERTS/instance.key nsenter "--net=/run/netns/a" \
	"$LAB_TOP/build/test/hostile" --config "$SCRATCH/a/ikemesh.yml" --run-dir "$SCRATCH/a/run" --state-dir "$SCRATCH/a/state" \
	>>"$SCRATCH/a/log" 2>&1 &
PID[a]=$!
disown
_ready_ikemesh a
start b
[ -s "$out/sandbox" ] || fail "it was not hostile: $(ls -l "$out")"
paste "$out/root" "$out/engine" "$out/sandbox" >"$SCRATCH/table"
awk -F '\t' '{ printf "%-36s as root: %-8s as the engine: %-10s in the sandbox: %s\n", $1, $3, $6, $9 }' "$SCRATCH/table" | tee "$SCRATCH/attempts"
all=$(wc -l <"$SCRATCH/table")
idle=$(awk -F '\t' '$2 == "must" && $3 != "done" { print $1 }' "$SCRATCH/table")
[ -z "$idle" ] || fail "what not even root could shows nothing: $idle"
could=$(awk -F '\t' '$9 == "done" || $9 == "" { print $1 }' "$SCRATCH/table")
[ -z "$could" ] || fail "the engine could: $could"
bring_up a b
ping_all a b
expect_sa a b
report "$all attempts: $(awk -F '\t' '$3 == "done"' "$SCRATCH/table" | wc -l) came off as root, $(awk -F '\t' '$6 == "done"' "$SCRATCH/table" | wc -l) as the engine before its sandbox, $(awk -F '\t' '$9 == "done"' "$SCRATCH/table" | wc -l) in it"
engine=$(process a engine)
report "the engine: $(grep -E '^(Uid|CapEff|NoNewPrivs|Seccomp):' "/proc/$engine/status" | tr -s '\t\n' ' ')"
