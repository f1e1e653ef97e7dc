# SPDX-License-Identifier: Apache-2.0
# The words of tests that boot whole machines: Debian with systemd as PID 1, on user-mode-linux. `boots`
# starts such a test with this file sourced: with $SCRATCH to itself, on the machine's own kernel, whatever
# that can do. A machine has one network: its own namespaces.
#
#   machine NAME               $SCRATCH/NAME/files is copied over its file tree, $SCRATCH/NAME is its /lab
#   install NAME               ikemeshd, ikectl and the units of dist/ into it, as a package would; nothing enabled
#   enable NAME UNIT TARGET    as `systemctl enable` would
#   unit NAME UNIT             a unit of the test's, from standard input
#   boot NAME [ARGUMENT…]      boots it, with more words for the kernel's command line, until it is off; MEMORY
#                              is what it has (512M)
set -euo pipefail
shopt -s inherit_errexit
BIN=${IKEMESH_BIN:-$LAB_TOP/build/bin}
TREE=$LAB_TOP/build/lab-tree/root
. "$LAB_TOP/test/lab/story.sh"
trap 'fail "line $LINENO of ${BASH_SOURCE[0]##*/}: $BASH_COMMAND"' ERR
trap 'fail "out of time"' TERM
set -E
[ -e "$TREE/.made" ] || fail "there is no file tree to boot from: test/lab/tree could not make it"

machine() { mkdir -p "$SCRATCH/$1/files/etc/systemd/system" "$SCRATCH/$1/files/usr/sbin"; }
install() {
	local to=$SCRATCH/$1/files
	mkdir -p "$to/usr/lib/systemd/system" "$to/etc/ikemesh"
	chmod 700 "$to/etc/ikemesh"
	cp "$BIN/ikemeshd" "$BIN/ikectl" "$to/usr/sbin/"
	cp "$LAB_TOP"/dist/*.service "$LAB_TOP"/dist/*.socket "$LAB_TOP"/dist/*.target "$LAB_TOP"/dist/*.path "$to/usr/lib/systemd/system/"
	# What systemd-sysusers would do.
	sed '$ a ikemesh:x:990:990::/var/lib/ikemesh:/usr/sbin/nologin' "$TREE/etc/passwd" >"$to/etc/passwd"
	sed '$ a ikemesh:x:990:' "$TREE/etc/group" >"$to/etc/group"
}
unit() { cat >"$SCRATCH/$1/files/etc/systemd/system/$2"; }
enable() {
	local wants=$SCRATCH/$1/files/etc/systemd/system/$3.wants dir=/etc/systemd/system
	mkdir -p "$wants"
	[ -e "$SCRATCH/$1/files$dir/$2" ] || dir=/usr/lib/systemd/system
	ln -sf "$dir/$2" "$wants/$2"
}
boot() {
	local name=$1 dir=$SCRATCH/$1 cpus
	shift
	say "boot $name${*:+, with $*}"
	# On one CPU, as test/lab/guest says why: one of those that the lab may have.
	mapfile -t cpus < <(sed -n 's/^Cpus_allowed_list:\t//p' /proc/self/status | tr , '\n' |
		while IFS=- read -r first last; do seq "$first" "${last:-$first}"; done)
	TMPDIR=$dir taskset -c "${cpus[RANDOM % ${#cpus[@]}]}" linux.uml "mem=${MEMORY:-512M}" rootfstype=hostfs "rootflags=$TREE" rw "init=/lab-init" con=null con0=null,fd:1 \
		ssl=null loglevel=1 panic=1 "umid=$name" "uml_dir=$dir" "LAB_SHARE=$dir" "LAB_MODULES=/usr/lib/uml/modules" \
		systemd.show_status=0 "$@" </dev/null >"$dir/console" 2>"$dir/kernel.log" ||
		fail "$name did not end well: $(tail -n 5 "$dir/console" "$dir/kernel.log")"
	say "$name is off"
}
