# SPDX-License-Identifier: Apache-2.0
# Which lab tests there are. A script t/NN-story.sh is the test `story`, or with a line
# `# cases: a b` the tests `story-a` and `story-b`, the case being its first argument. Other header
# lines: `# timeout: SECONDS` (120 if none), `# alone` (measures: nothing else may run beside it), and
# `# long: c d`, further cases that run by name, or all of them with LAB_ALL=1.
T=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/t

header() { # SCRIPT KEY DEFAULT
	local v
	v=$(sed -n "s/^# $2: *//p" "$1" | paste -s -d ' ')
	echo "${v:-$3}"
}

story_of() { basename "$1" .sh | sed 's/^[0-9]*-//'; } # SCRIPT

catalogue() { # every test by name, in order
	local script cases c
	for script in "$T"/*.sh; do
		cases=$(header "$script" cases '')
		[ -z "${LAB_ALL-}" ] || cases=$(echo $cases $(header "$script" long ''))
		[ -n "$cases" ] || story_of "$script"
		for c in $cases; do echo "$(story_of "$script")-$c"; done
	done
}

script_of() { # NAME: the script whose story is the longest beginning of it
	local script story length=0 best=
	for script in "$T"/*.sh; do
		story=$(story_of "$script")
		case $1 in "$story" | "$story"-*)
			[ ${#story} -le $length ] || { best=$script length=${#story}; }
			;;
		esac
	done
	echo "$best"
}

case_of() { # NAME
	local story
	story=$(story_of "$(script_of "$1")")
	[ "$1" = "$story" ] || echo "${1#"$story"-}"
}

is_alone() { grep -q '^# alone' "$(script_of "$1")"; } # NAME
