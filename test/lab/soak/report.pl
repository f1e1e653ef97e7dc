#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# report.pl DIR - what a soak has shown, from the files that it left in DIR:
#
#	hosts    NAME KIND ADDRESS ROLE, KIND ikemesh or strongswan; ROLE steady, lossy, control or -
#	traffic  the lines of `fan -t`: which packets were lost, by when they left
#	events   BEGAN READY KIND HOST
#	samples  what watch.pl has seen
#
# Each lost packet is put down to the first of these that fits: both ends are strongSwan (theirs); an end was
# down, or had just come back (down); two hosts that nobody touched lost packets then, too, so the machine
# was short of CPU (stalled); its strongSwan end has thrown away a packet just then, since its own policy asks for
# another of its reqids than the SA has that the packet came on (policy: a new CHILD_SA of the same peer does that,
# until the peer sends on it); an end is on a lossy line, and as many were dropped by netem at that time (line); else
# it is unexplained. Lines that begin with "!" are violations; with one of them the exit status is 1.
use strict;
use warnings;
use List::Util qw(max min sum0);

my ($dir) = @ARGV;
my %is_down = map { $_ => 1 } qw(stop crash reboot swan-restart swan-crash);
# To renegotiate with everybody, after a host is ready; a pair that was not answered since may take longer.
my %back_ms = (ours => 5_000, mixed => 20_000);
use constant LONGEST_BACK_MS => 60_000;
use constant { BEFORE_MS => 1500, STALL_MS => 500, SEEN_MS => 1500, LOOK_MS => 6000, ROW => 4, INTERVAL_MS => 1000, BUCKET_MS => 15_000 };
# A leak of 100 octets a rekeying is more than this; what the heap keeps for itself settles within minutes. It takes
# 132 KiB at a time from the system: one such piece is no slope.
use constant { SLOPE_MOST => 8, PIECE_KIB => 140, SLOPE_MINUTES => 10, FDS_MORE => 8 };

my (%host, %at, @events, @looks, @looked, @stalls, %drops, %series, %states, %thrown);
my $violations = 0;

sub lines { my ($name) = @_; open my $f, '<', "$dir/$name" or return (); chomp(my @l = <$f>); return @l }
sub violation { print "! @_\n"; $violations++ }

sub read_all {
	for (lines('hosts')) {
		my ($name, $kind, $address, $role) = split;
		$host{$name} = { kind => $kind, role => $role };
		$at{$address} = $name;
	}
	@events = map { [split] } lines('events');
	for (lines('samples')) {
		my ($t, $name, $what, @rest) = split;
		if ($what eq 'process') { push @{ $series{"$name $rest[0]"}{ $rest[1] } }, [ $t, @rest[ 2, 3 ] ] }
		elsif ($what eq 'looked') { push @looked, $t }
		elsif ($what eq 'dropped') { push @{ $drops{$name} }, [ $t, @rest ] }
		elsif ($what eq 'xfrm') { push @{ $thrown{$name} }, [ $t, @rest ] }
		else { push @{ $states{$name} }, $rest[0] }
	}
	my ($steady) = grep { $host{$_}{role} eq 'steady' } sort keys %host;
	@looks = sort { $a <=> $b } map { $_->[0] } map { @$_ } values %{ $series{"$steady guardian"} // {} };
}

# --- losses ---------------------------------------------------------------------------------------------

sub class_of { # of two hosts
	my $swans = grep { $host{$_}{kind} eq 'strongswan' } @_;
	return $swans == 2 ? 'theirs' : $swans ? 'mixed' : 'ours';
}
my %recovery; # the last loss after a host was ready, by event and class, with nobody on a lossy line
# How late everything is then: the watch looks each 5 s, or when it gets the guest's CPU. Packets wait as long.
sub lag { # TIME, ms
	my ($t) = @_;
	my ($i) = grep { $looks[$_] > $t } 1 .. $#looks;
	return 0 unless defined $i;
	my @gaps = map { $looks[$_] - $looks[ $_ - 1 ] } grep { $_ > 0 && $_ <= $#looks } $i - 1 .. $i + 1;
	return max(0, max(@gaps) - LOOK_MS);
}
sub down { # TIME CLASS SINCE A B: SINCE is when the pair was answered last
	my ($t, $class, $since, @ends) = @_;
	my $lag = lag($t);
	for my $e (@events) {
		my ($began, $ready, $kind, $name) = @$e;
		next unless $is_down{$kind} && grep { $_ eq $name } @ends;
		my $back = $since <= $ready ? LONGEST_BACK_MS : $back_ms{$class};
		next unless $t >= $began - BEFORE_MS - $lag && $t <= $ready + $back + $lag;
		my $after = $t - $ready;
		my $worst = \$recovery{"$kind, $class"};
		$$worst = $after if $after > ($$worst // 0) && !is_lossy(@ends);
		return 1;
	}
	return 0;
}
sub stalled { my ($t) = @_; return scalar grep { abs($_ - $t) <= STALL_MS } @stalls }
# What HOST's kernel threw away then. A look that comes late tells of it late, and one under way when the packet
# was sent does not tell of it yet.
sub thrown { # TIME HOST
	my ($t, $name) = @_;
	my @next = grep { $_ >= $t } @looked;
	my $until = max($t + SEEN_MS, $next[ min(1, $#next) ] // 0);
	return grep { $_->[0] >= $t && $_->[0] <= $until } @{ $thrown{$name} // [] };
}
sub policy { # each packet that was thrown away accounts for one
	my ($t, @ends) = @_;
	for my $swan (grep { $host{$_}{kind} eq 'strongswan' } @ends) {
		my ($one) = grep { $_->[1] eq 'XfrmInTmplMismatch' && $_->[2] > 0 } thrown($t, $swan) or next;
		$one->[2]--;
		return 1;
	}
	return 0;
}
sub is_lossy { return scalar grep { $host{$_}{role} eq 'lossy' } @_ }

sub esp_dropped { # by netem of all hosts until TIME
	my ($t) = @_;
	my $n = 0;
	for my $list (values %drops) {
		my ($before) = grep { $_->[0] <= $t } reverse @$list;
		$n += $before->[2] if $before;
	}
	return $n;
}
# Of these losses on lossy lines those that were more than netem dropped at their time.
sub beyond_netem {
	my ($losses, $period) = @_;
	my (%bucket, @beyond);
	push @{ $bucket{ int($_->[0] / BUCKET_MS) } }, $_ for @$losses;
	for my $b (sort keys %bucket) {
		my $from = $b * BUCKET_MS;
		my $dropped = esp_dropped($from + BUCKET_MS + $period) - esp_dropped($from - $period);
		my @these = @{ $bucket{$b} };
		push @beyond, splice @these, $dropped if @these > $dropped;
	}
	return @beyond;
}

sub losses {
	my (%n, %sent, %answered, @unexplained, @on_lines);
	my @streams = map { [split] } lines('traffic');
	for (@streams) {
		my ($from, $to, undef, undef, undef, $lost) = @$_;
		push @stalls, split /,/, $lost if $host{$from}{role} eq 'control' && $lost ne '-';
	}
	for (@streams) {
		my ($from, $to, $sent, $answered, undef, $lost) = @$_;
		next if $host{$from}{role} eq 'control';
		my @ends = ($from, $at{$to});
		my $class = class_of(@ends);
		$sent{$class} += $sent;
		$answered{$class} += $answered;
		my @row; # in a row: no chance of a lossy line
		my ($since, $before) = (0, 0);
		for my $t ($lost eq '-' ? () : split /,/, $lost) {
			$since = $t - INTERVAL_MS if $t - $before > 2 * INTERVAL_MS;
			$before = $t;
			if ($class eq 'theirs') { $n{$class}{theirs}++; next }
			if (down($t, $class, $since, @ends)) { $n{$class}{down}++; next }
			if (stalled($t)) { $n{$class}{stalled}++; next }
			if (policy($t, @ends)) { $n{$class}{policy}++; next }
			my $loss = [ $t, $class, @ends ];
			if (!is_lossy(@ends)) { push @unexplained, $loss; next }
			@row = () if @row && $t - $row[-1][0] > 2 * INTERVAL_MS;
			push @row, $loss;
			if (@row == ROW) { push @unexplained, @row; splice @on_lines, -(ROW - 1) }
			elsif (@row > ROW) { push @unexplained, $loss }
			else { push @on_lines, $loss }
		}
	}
	my @beyond = beyond_netem(\@on_lines, 5000);
	my %is_beyond = map { $_ => 1 } @beyond;
	$n{ $_->[1] }{line}++ for grep { !$is_beyond{$_} } @on_lines;
	tell_losses(\%n, \%sent, \%answered, [ @unexplained, @beyond ], @on_lines - @beyond);
}
sub traces { my ($t, $name) = @_; return map { " ($name $_->[1] $_->[2])" } thrown($t, $name) }
sub tell_losses {
	my ($n, $sent, $answered, $unexplained, $on_lines) = @_;
	my %name = (ours => 'between ikemesh hosts', mixed => 'between ikemesh and strongSwan', theirs => 'between strongSwans');
	for my $class (qw(ours mixed theirs)) {
		next unless $sent->{$class};
		my $without = grep { $_->[1] eq $class } @$unexplained;
		my $c = $n->{$class} // {};
		printf "%s: %d echoes, %d lost: %s\n", $name{$class}, $sent->{$class}, $sent->{$class} - $answered->{$class},
			$class eq 'theirs' ? 'which is theirs' : sprintf(
				'%d while an end was down or had just come back, %d dropped by the line, %d while untouched hosts lost some too, %d for a policy of strongSwan, %d unexplained',
				(map { $c->{$_} // 0 } qw(down line stalled policy)), $without);
	}
	my $end = 9e15;
	printf "netem dropped %d ESP packets and %d IKE packets; %d lost echoes are put down to it\n",
		esp_dropped($end), sum0(map { $_->[-1][1] } values %drops), $on_lines if %drops;
	my @last = map { sprintf '%s: %.1f s', $_, $recovery{$_} / 1000 } grep { $recovery{$_} } sort keys %recovery;
	print 'the last loss after a host was ready again: ', join('; ', @last), "\n" if @last;
	my @first = sort { $a->[0] <=> $b->[0] } @$unexplained;
	return unless @first;
	my @told = map { my ($t, undef, @ends) = @$_; "$ends[0]-$ends[1] at $t" . join('', map { traces($t, $_) } @ends) } @first[0 .. min($#first, 9)];
	violation(scalar(@first), 'losses unexplained, the first:', join '; ', @told);
}

# --- processes ------------------------------------------------------------------------------------------

sub slope { # KiB a minute, by least squares
	my @p = @_;
	my ($mt, $mk) = map { my $i = $_; sum0(map { $_->[$i] } @p) / @p } 0, 1;
	my $var = sum0(map { ($_->[0] - $mt)**2 } @p);
	return $var ? sum0(map { ($_->[0] - $mt) * ($_->[1] - $mk) } @p) / $var * 60_000 : 0;
}
# The second half of a life: what is kept for a while is there by then.
sub warm {
	my @p = @_;
	my $from = ($p[0][0] + $p[-1][0]) / 2;
	return grep { $_->[0] >= $from } @p;
}
sub minutes { my @p = @_; return ($p[-1][0] - $p[0][0]) / 60_000 }

sub memory {
	my %fds; # of the steady, by role
	for my $who (sort keys %series) {
		my ($name, $role) = split ' ', $who;
		next unless $host{$name}{role} eq 'steady';
		my @lives = values %{ $series{$who} };
		violation("$who was", scalar @lives, 'processes, and nobody ended it') if @lives > 1 && $role ne 'keyholder';
		my ($life) = sort { @$b <=> @$a } @lives;
		my @p = warm(@$life);
		my ($slope, $minutes) = (slope(@p), minutes(@p));
		printf "%s: %.0f KiB, then %.0f: %+.1f KiB a minute over %.1f minutes; descriptors %d, then %d\n",
			$who, $p[0][1], $p[-1][1], $slope, $minutes, $p[0][2], $p[-1][2];
		violation("$who grows") if $minutes >= SLOPE_MINUTES && $slope > SLOPE_MOST && $p[-1][1] - $p[0][1] > PIECE_KIB;
		violation("$who has more and more descriptors") if $p[-1][2] > $p[0][2] + FDS_MORE;
		$fds{$role} = max($fds{$role} // 0, map { $_->[2] } @p);
	}
	for my $role (sort keys %fds) {
		my @slopes;
		for my $who (grep { / $role$/ && $host{ (split)[0] }{role} ne 'steady' } keys %series) {
			for my $life (values %{ $series{$who} }) {
				my @p = warm(@$life);
				push @slopes, slope(@p) if minutes(@p) >= 2;
				violation("$who has $life->[-1][2] descriptors, the steady ones $fds{$role}") if $life->[-1][2] > $fds{$role} + FDS_MORE;
			}
		}
		@slopes = sort { $a <=> $b } @slopes;
		printf "%s of other hosts, lives of 4 minutes and more: %d, in the middle %+.1f KiB a minute\n", $role, scalar @slopes, $slopes[ @slopes / 2 ] if @slopes;
	}
	for my $name (sort grep { $host{$_}{kind} eq 'strongswan' } keys %host) {
		my ($life) = sort { @$b <=> @$a } values %{ $series{"$name charon"} // {} };
		next unless $life && minutes(@$life) >= 3;
		my @p = warm(@$life);
		printf "%s charon, for comparison: %.0f KiB, then %.0f: %+.1f KiB a minute over %.1f minutes\n", $name, $p[0][1], $p[-1][1], slope(@p), minutes(@p);
	}
}

sub events_told {
	my %n;
	$n{ $_->[2] }++ for @events;
	printf "%d events: %s\n", scalar @events, join ', ', map { "$n{$_} $_" } sort keys %n;
	my @most = map { max(@{ $states{$_} }) } keys %states;
	printf "SAs in one kernel: %d at most\n", max(@most) if @most;
}

read_all();
events_told();
losses();
memory();
exit($violations != 0);
