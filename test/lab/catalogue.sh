# SPDX-License-Identifier: Apache-2.0
# Which lab tests there are. A script t/NN-story.sh is the test `story`, or with a line
# `# cases: a b` the tests `story-a` and `story-b`, the case being its first argument. Other lines of the
# comment at its head: `# timeout: SECONDS` (120 if none), `# takes: SECONDS` (10 if none: the long ones
# begin first), `# alone` (measures: nothing else may run on its CPU), `# boots` (machine.sh: boots machines of
# its own), and `# long: c d`, further cases that run by name, or all of them with LAB_ALL=1.
#
# LAB_STORIES is another directory of scripts: the bench has its own.
#
# read_catalogue fills these: NAMES in order, and by name SCRIPT, CASE, TIMEOUT, TAKES, ALONE, BOOTS and LONG
# (these three may be empty). It starts no process, as these are dear in a guest.
T=${LAB_STORIES:-${BASH_SOURCE[0]%/*}/t}
NAMES=()
declare -A SCRIPT=() CASE=() TIMEOUT=() TAKES=() ALONE=() BOOTS=() LONG=()

read_catalogue() {
	local script line story c cases long timeout takes alone
	for script in "$T"/*.sh; do
		story=${script##*/} cases='' long='' timeout=120 takes=10 alone='' boots=''
		story=${story%.sh}
		story=${story#*-}
		while read -r line; do
			case $line in
			'# cases: '*) cases+=" ${line#*: }" ;;
			'# long: '*) long+=" ${line#*: }" ;;
			'# timeout: '*) timeout=${line#*: } ;;
			'# takes: '*) takes=${line#*: } ;;
			'# alone'*) alone=yes ;;
			'# boots'*) boots=yes ;;
			'#'*) ;;
			*) break ;;
			esac
		done <"$script"
		[ -n "$cases$long" ] || _entry "$story" ''
		for c in $cases; do _entry "$story-$c" "$c"; done
		for c in $long; do _entry "$story-$c" "$c" && LONG[$story-$c]=yes; done
	done
}
_entry() { # NAME CASE
	NAMES+=("$1")
	SCRIPT[$1]=$script CASE[$1]=$2 TIMEOUT[$1]=$timeout TAKES[$1]=$takes ALONE[$1]=$alone BOOTS[$1]=$boots LONG[$1]=
}
