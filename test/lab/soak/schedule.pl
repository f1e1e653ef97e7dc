#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# schedule.pl SEED SECONDS GAP STEADY IKEMESH STRONGSWAN - what befalls the hosts of a soak, and when: a line
# `SECOND KIND HOST` for each event, GAP seconds apart on average. The last three arguments are names of hosts,
# separated by commas. STEADY is spared what ends a process, so that its memory can be watched from the
# beginning to the end. The same arguments give the same events.
use strict;
use warnings;

my ($seed, $seconds, $gap, @hosts) = @ARGV;
my ($steady, $ikemesh, $strongswan) = map { [ split /,/ ] } @hosts;
my @all_ikemesh = (@$steady, @$ikemesh);

# KIND => how often, on which hosts
my @kinds = (
	[ 'kill-engine', 14, $ikemesh ], # kill -9
	[ 'kill-keyholder', 12, $ikemesh ],
	[ 'restart', 12, $ikemesh ], # executed anew in its place, as for an upgrade
	[ 'reload', 10, \@all_ikemesh ],
	[ 'broken-reload', 4, \@all_ikemesh ],
	[ 'rotate', 8, \@all_ikemesh ],
	[ 'address', 10, \@all_ikemesh ],
	[ 'move', 6, \@all_ikemesh ],
	[ 'flood', 8, \@all_ikemesh ],
	[ 'stop', 4, $ikemesh ], # and started again
	[ 'crash', 4, $ikemesh ], # all of its processes at once, and started again
	[ 'reboot', 6, $ikemesh ],
	[ 'swan-restart', 4, $strongswan ],
	[ 'swan-crash', 3, $strongswan ],
);
my $sum = 0;
$sum += $_->[1] for @kinds;

srand $seed;
my $at = 1;
while (($at += 0.2 * $gap - 0.8 * $gap * log(1 - rand)) < $seconds) {
	my $n = rand $sum;
	my ($kind) = grep { ($n -= $_->[1]) < 0 } @kinds;
	printf "%.1f %s %s\n", $at, $kind->[0], $kind->[2][rand @{ $kind->[2] }];
}
