#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# report.pl OUT DOCS - what the bench measured, OUT/core.json and OUT/lab/*/records, as DOCS/benchmarks.json,
# as the tables in DOCS/benchmarks.md (between its markers), and as plots in DOCS/benchmarks/. Nothing in them
# is typed by hand. A part that was not run leaves its table as it is.
use strict;
use warnings;
use JSON::PP;

my ($out, $docs) = @ARGV;
die "usage: report.pl OUT DOCS\n" unless defined $docs;
my $json = JSON::PP->new->canonical->pretty;

sub slurp { my ($file) = @_; local $/; open my $f, '<', $file or return; my $text = <$f>; return $text }
sub spew { my ($file, $text) = @_; open my $f, '>', $file or die "$file: $!\n"; print $f $text; close $f or die }

# ---- what there is -------------------------------------------------------------------------------------

my $old = slurp("$docs/benchmarks.json");
my $all = $old ? $json->decode($old) : {};

sub quantile { my ($share, @v) = @_; @v = sort { $a <=> $b } @v; return $v[int($#v * $share + 0.5)] }

sub read_core {
	my $text = slurp("$out/core.json") or return;
	my %core;
	my $parser = JSON::PP->new;
	$parser->incr_parse($text);
	while (my $o = $parser->incr_parse) {
		if ($o->{part} eq 'instructions') { push @{ $core{instructions} }, $o }
		else { $core{ $o->{part} } = $o }
	}
	$all->{core} = \%core;
}

sub read_lab {
	my %figures;
	for my $file (glob "$out/lab/*/records") {
		open my $f, '<', $file or die "$file: $!\n";
		while (<$f>) {
			chomp;
			my ($figure, $kind, $value) = split /\t/;
			push @{ $figures{$figure}{$kind} }, $value;
		}
	}
	for my $figure (keys %figures) {
		delete $all->{lab}{$figure};
		for my $kind (keys %{ $figures{$figure} }) {
			my @v = @{ $figures{$figure}{$kind} };
			$all->{lab}{$figure}{$kind} = {
				n => scalar @v, map { $_->[0] => 0 + quantile($_->[1], @v) }
					[ median => 0.5 ], [ low => 0.25 ], [ high => 0.75 ], [ p99 => 0.99 ]
			};
			$all->{values}{$figure}{$kind} = [ map { 0 + $_ } @v ] if $figure eq 'first_answer_ms';
		}
	}
}

sub read_host {
	my ($cpu) = (slurp('/proc/cpuinfo') // '') =~ /^model name\s*:\s*(.*)$/m;
	my $kernel = slurp('/proc/sys/kernel/osrelease') // '';
	my ($load) = (slurp('/proc/loadavg') // '') =~ /^\S+ \S+ (\S+)/;
	my $sizes = slurp("$out/sizes.json");
	chomp $kernel;
	$kernel =~ s/-.*//;
	$all->{host} = { cpu => $cpu // 'unknown', kernel => $kernel, openssl => (split ' ', `openssl version`)[1],
		load => $load };
	$all->{sizes} = JSON::PP->new->decode($sizes) if $sizes;
}

# ---- tables --------------------------------------------------------------------------------------------

sub n { my ($v, $digits) = @_; return defined $v ? sprintf("%.${digits}f", $v) : '-' }
sub spread { my ($s, $digits) = @_; return $s ? n($s->{median}, $digits) . ' (' . n($s->{low}, $digits) . ' to ' . n($s->{high}, $digits) . ')' : '-' }
sub table { my ($head, @rows) = @_; return join "\n", map({ '| ' . join(' | ', @$_) . ' |' } $head, [ map { '---' } @$head ], @rows), '' }

my @kinds = (
	[ ikemesh => 'ikemesh' ],
	[ openssl => 'strongSwan, openssl plug-in*' ],
	[ gmp => 'strongSwan, gmp*' ],
	[ strongswan => 'strongSwan, as Debian has it' ],
);

sub table_core {
	my $c = $all->{core} or return;
	my ($warm, $cold) = @{$c}{qw(ratio ratio_cold)};
	return table([ 'CPU, ms', 'certificate seen before', 'never seen before' ],
		map({ my ($name, $key, $digits) = @$_; [ $name, map { spread($_->{$key}, $digits) } $warm, $cold ] }
			[ 'floor of one end', 'floor_ms', 3 ],
			[ '— DH key pair, modp2048', 'dh_key', 3 ], [ '— DH derivation', 'dh_derive', 3 ],
			[ '— RSA-3072 signature', 'rsa_sign', 3 ], [ '— two RSA-3072 verifications', 'rsa_verify', 3 ],
			[ 'initiator', 'initiator_ms', 3 ], [ 'responder', 'responder_ms', 3 ],
			[ '**initiator / floor**', 'initiator_ratio', 3 ], [ '**responder / floor**', 'responder_ratio', 3 ]));
}

sub table_cores {
	my $c = $all->{core}{cores} or return;
	return table([ 'both ends', 'one core', 'two cores', 'ratio' ],
		[ 'handshakes a second', n($c->{one}{handshakes_a_second}, 1), n($c->{two}{handshakes_a_second}, 1), spread($c->{speedup}, 2) ],
		[ 'CPU a handshake, ms', n($c->{one}{cpu_ms}, 3), n($c->{two}{cpu_ms}, 3), '' ],
		[ 'of it in the one thread of the cores, ms', n($c->{one}{core_ms}, 3), n($c->{two}{core_ms}, 3), '' ],
		[ 'what CPU time alone allows', '', '', n($c->{speedup_by_cpu}, 2) ]);
}

sub table_growth {
	my $c = $all->{core} or return;
	my %count = map { $_->{pairs} => $_->{a_handshake} } @{ $c->{instructions} // [] };
	my ($ten) = map { $_->{cpu_us}{median} } grep { $_->{pairs} == 10 } @{ $c->{growth}{at} };
	return table([ 'pairs that are up', 'instructions', 'CPU, µs', 'CPU / that beside 10', 'allocations', 'octets allocated' ],
		map { [ $_->{pairs}, n($count{ $_->{pairs} }, 0), spread($_->{cpu_us}, 1), n($_->{cpu_us}{median} / $ten, 2),
			n($_->{allocations}, 0), n($_->{allocated}, 0) ] } @{ $c->{growth}{at} });
}

sub table_memory {
	my $m = $all->{core}{memory} or return;
	return table([ 'octets of the core a pair and end', '' ], [ 'right after the handshake', n($m->{fresh}, 0) ],
		[ 'settled', n($m->{settled}, 0) ]);
}

sub row { my ($name, $figure, $digits) = @_; my $f = $all->{lab}{$figure} or return; return [ $name, map { spread($f->{ $_->[0] }, $digits) } @kinds ] }

sub table_guest_floor {
	my $lab = $all->{lab} or return;
	my ($guest, $outside) = map { $lab->{$_}{guest} } qw(floor_ms floor_outside_ms);
	return unless $guest && $outside;
	return table([ 'crypto floor of one end, in the guest', 'CPU, ms' ], [ 'as the machine counts it', spread($outside, 2) ],
		[ 'as the guest does, in the same moments', spread($guest, 2) ]);
}

# Of a handshake by itself, both ends together.
sub table_where {
	my $lab = $all->{lab} or return;
	my ($floor, $call, $switch) = map { $lab->{$_}{guest}{median} } qw(floor_outside_ms call_ms switch_ms);
	return unless $floor && $call && $switch;
	my @has = grep { $lab->{calls_a_handshake}{ $_->[0] } && $lab->{handshake_both_ms}{ $_->[0] } } @kinds;
	my @rows;
	my $add = sub { my ($name, $digits, $of) = @_; push @rows, [ $name, map { n($of->($_->[0]), $digits) } @has ] };
	my $of = sub { my ($figure, $kind) = @_; return $lab->{$figure}{$kind}{median} };
	my $calls = sub { return $of->('calls_a_handshake', @_) * $call };
	my $switches = sub { return $of->('switches_a_handshake', @_) * $switch };
	my $user = sub { return $of->('handshake_both_user_ms', @_) };
	$add->('CPU, both ends and the wire', 2, sub { $of->('handshake_both_ms', @_) });
	$add->('— user mode; two crypto floors are ' . n(2 * $floor, 2), 2, $user);
	$add->('— to enter and leave the kernel, ' . n($call * 1000, 1) . ' µs each', 2, $calls);
	$add->('— to wake another thread by a socket, and to go there, ' . n($switch * 1000, 1) . ' µs each', 2, $switches);
	$add->('— what the kernel does then: packets, SAs, sockets, timers', 2, sub { $of->('handshake_both_ms', @_) - $user->(@_) - $calls->(@_) - $switches->(@_) });
	$add->('system calls', 0, sub { $of->('calls_a_handshake', @_) });
	$add->('switches', 0, sub { $of->('switches_a_handshake', @_) });
	return table([ 'ms a handshake', map { $_->[1] } @has ], @rows);
}

sub table_lab {
	my $lab = $all->{lab} or return;
	my @rows = (
		row('CPU a handshake, both ends and the wire, ms', 'handshake_both_ms', 2),
		row('— of it in user mode', 'handshake_both_user_ms', 2),
		row('CPU a handshake as the guest counts, initiator, ms', 'handshake_initiator_ms', 2),
		row('— responder, ms', 'handshake_responder_ms', 2),
		row('first answer after, ms', 'first_answer_ms', 1));
	push @rows, [ '— of a hundred, the slowest, ms', map { n($lab->{first_answer_ms}{ $_->[0] }{p99}, 1) } @kinds ] if $lab->{first_answer_ms};
	push @rows, row('packets lost before it, of all in a round', 'first_packets_lost', 0),
		row('CPU of a CHILD_SA rekeyed, initiator, ms', 'rekey_initiator_ms', 2),
		row('CPU of a CHILD_SA rekeyed, responder, ms', 'rekey_responder_ms', 2);
	for my $peers (30, 300, 1000, 3000) {
		push @rows, row("$peers peers in one moment: all up after, ms", "all_up_ms_$peers", 0),
			row("— up at all", "up_of_$peers", 0),
			row("— CPU a peer, both ends and the wire, ms", "storm_both_ms_$peers", 2),
			row("— CPU a peer as the guest counts, who began, ms", "storm_cpu_initiator_ms_$peers", 2),
			row("— who answered, ms", "storm_cpu_responder_ms_$peers", 2),
			row("— proportional memory a peer, KiB", "pss_kib_a_peer_$peers", 2),
			row("— resident memory a peer, KiB", "rss_kib_a_peer_$peers", 2),
			row("— statusall, ms", "statusall_ms_$peers", 0),
			row("— idle: CPU, ms a second", "idle_cpu_ms_a_second_$peers", 2),
			row("— idle: wake-ups a second", "idle_wakeups_a_second_$peers", 2),
			row("— CPU a handshake beside a few pairs, both ends, ms", "beside_few_ms_$peers", 2),
			row("— CPU a handshake beside all of them, both ends, ms", "beside_all_ms_$peers", 2),
			row("— reload, ms", "reload_ms_of_$peers", 0),
			row("— CPU of the reload, ms", "reload_cpu_ms_of_$peers", 0),
			row("— program executed anew, its SAs taken over, after, ms", "start_ms_of_$peers", 0);
	}
	for my $subnets (100, 2000) {
		push @rows, row("$subnets subnets: ready after, ms", "start_ms_$subnets", 0),
			row("— CPU of the start, ms", "start_cpu_ms_$subnets", 0),
			row("— reload, ms", "reload_ms_$subnets", 0),
			row("— CPU of the reload, ms", "reload_cpu_ms_$subnets", 0),
			row("— proportional memory, KiB", "pss_kib_$subnets", 0);
	}
	push @rows, row('proportional memory before the first peer, KiB', 'pss_kib_of_0', 0),
		row('proportional memory with 5 peers, KiB', 'pss_kib_of_5', 0);
	return table([ 'in the guest', map { $_->[1] } @kinds ], @rows);
}

# What is aimed at, what was measured, and for what falls short where the time goes (in words: no figures).
sub table_aims {
	my ($core, $lab) = @{$all}{qw(core lab)};
	return unless $core && $lab;
	my $of = sub { my ($figure, $kind) = @_; my $s = $lab->{$figure}{$kind}; return $s ? $s->{median} : undef };
	my $best = sub { my ($figure) = @_; my @v = grep { defined } map { $of->($figure, $_) } qw(openssl gmp strongswan); return @v ? quantile(0, @v) : undef };
	my $over = sub { my ($x, $y) = @_; return defined $x && $y ? $x / $y : undef };
	my $floor = $core->{ratio}{floor_ms}{median};
	my $calls = 'system calls, page faults and process switches of the guest, the wire\'s among them; other load on the machine, which a guest takes for its own CPU';
	my @rows;
	my $aim = sub { my ($name, $most, $is, $why, $least) = @_;
		my $met = !defined $is ? 'not measured' : ($least ? $is >= $most : $is <= $most) ? 'yes' : 'no';
		push @rows, [ $name, ($least ? 'at least ' : 'at most ') . $most, n($is, 2), $met, $met eq 'no' ? $why : '' ] };
	$aim->("CPU / floor, in process, $_", 1.15, $core->{ratio}{"${_}_ratio"}{median}, '') for qw(initiator responder);
	# Where the time of a handshake goes, as the machine counts it: of both ends, in ms.
	my ($both, $user, $theirs) = ($of->('handshake_both_ms', 'ikemesh'), $of->('handshake_both_user_ms', 'ikemesh'), $best->('handshake_both_ms'));
	my ($floor_here, $floor_counted) = map { $of->($_, 'guest') } qw(floor_outside_ms floor_ms);
	my $parts = defined $both && $floor_here ? sprintf('of %.1f ms of both ends, %.1f are the crypto, %.1f the rest of user mode, %.1f the guest\'s kernel and its switches',
		$both, 2 * $floor_here, $user > 2 * $floor_here ? $user - 2 * $floor_here : 0, $both - $user) : $calls;
	my $least = $theirs && $floor_here ? sprintf('the crypto alone is %.2f of the faster strongSwan\'s; %s', 2 * $floor_here / $theirs, $parts) : $calls;
	$aim->('CPU / floor, in the guest, both ends and the wire', 1.3, $over->($both, $floor_here && 2 * $floor_here), $parts);
	$aim->('CPU / the faster strongSwan\'s, both ends and the wire', 0.25, $over->($both, $theirs), $least);
	# Its ticks of 10 ms fall on the one or the other of two ends that take turns: only the sum says something.
	my $both_of = sub { my ($kind) = @_; my @ms = map { $of->("handshake_${_}_ms", $kind) } qw(initiator responder); return defined $ms[0] && defined $ms[1] ? $ms[0] + $ms[1] : undef };
	my $counted = $both_of->('ikemesh');
	my @theirs_counted = grep { defined } map { $both_of->($_) } qw(openssl gmp strongswan);
	$aim->('CPU / floor, as the guest counts, both ends', 1.3, $over->($counted, 2 * ($floor_counted // $floor)), $parts);
	$aim->('CPU / the faster strongSwan\'s, as the guest counts, both ends', 0.25, $over->($counted, @theirs_counted ? quantile(0, @theirs_counted) : undef), $least);
	my $first = $of->('first_answer_ms', 'ikemesh');
	$aim->('first answer / strongSwan\'s', 1, $over->($first, $best->('first_answer_ms')), $calls);
	$aim->('first answer / (crypto of both ends and two round trips)', 1.3, $over->($first, $floor_here && 2 * $floor_here + 2),
		'what else runs on the machine, which the first packet waits for; ' . $parts);
	$aim->('first packets lost', 0, $of->('first_packets_lost', 'ikemesh'), '');
	for my $peers (300, 1000, 3000) {
		next unless $lab->{"pss_kib_a_peer_$peers"};
		$aim->("KiB a peer at $peers", 3, $of->("pss_kib_a_peer_$peers", 'ikemesh'), 'events kept for `ikectl monitor`; what the allocators of both processes keep of handshakes that were under way at once');
		$aim->("CPU / floor, $peers in one moment, both ends and the wire", 1.2,
			$over->($of->("storm_both_ms_$peers", 'ikemesh'), 2 * ($of->("storm_floor_outside_ms_$peers", 'ikemesh') // 0)), $parts)
			if $lab->{"storm_both_ms_$peers"};
		$aim->("CPU / the faster strongSwan's, $peers in one moment, both ends and the wire", 0.25,
			$over->($of->("storm_both_ms_$peers", 'ikemesh'), $best->("storm_both_ms_$peers")), $least)
			if defined $best->("storm_both_ms_$peers");
		$aim->("CPU / floor, $peers in one moment, as the guest counts, $_", 1.2,
			$over->($of->("storm_cpu_${_}_ms_$peers", 'ikemesh'), $of->("storm_floor_ms_$peers", 'ikemesh')), $calls) for qw(initiator responder);
		$aim->("CPU a handshake in the guest, beside $peers / beside a few", 1.1,
			$over->($of->("beside_all_ms_$peers", 'ikemesh'), $of->("beside_few_ms_$peers", 'ikemesh')), 'other load on the machine between the two; caches')
			if $lab->{"beside_all_ms_$peers"};
		$aim->("wake-ups a second, $peers idle", 0.5, $of->("idle_wakeups_a_second_$peers", 'ikemesh'), 'looks at pairs, at the counter of lost SAs and at our own certificate are once in five seconds; the rest is what wakes besides');
	}
	my %count = map { $_->{pairs} => $_->{a_handshake} } @{ $core->{instructions} // [] };
	$aim->('instructions beside 10,000 / beside 10', 1.1, $over->($count{10000}, $count{10}), '');
	$aim->('instructions beside 100,000 / beside 10', 1.1, $over->($count{100000}, $count{10}), '');
	$aim->('own CPU beside 100,000 / beside 10', 1.1, $over->(map { my $pairs = $_; map { $_->{cpu_us}{median} } grep { $_->{pairs} == $pairs } @{ $core->{growth}{at} // [] } } 100000, 10),
		'caches that are too small for all pairs, memory touched for the first time: some hundredths of a handshake with its crypto');
	$aim->('two cores / one', 1.8, $core->{cores}{speedup}{median}, 'other load: see what CPU time alone allows', 1);
	return table([ '', 'aim', 'measured', 'met', 'where the rest goes' ], @rows);
}

sub table_sizes {
	my $s = $all->{sizes} or return;
	return table([ 'KiB', 'ikemesh', 'strongSwan' ], map { my $key = $_->[1]; [ $_->[0], map { n($s->{$_}{$key}, 0) } qw(ikemesh strongswan) ] }
		[ 'programs', 'programs' ], [ 'libraries and plug-ins of its own', 'own' ], [ 'libraries of others', 'libraries' ],
		[ 'libraries of others, how many', 'n_libraries' ]);
}

sub table_host {
	my $h = $all->{host} or return;
	return "Measured on: $h->{cpu}, two cores; Linux $h->{kernel}, in the guest user-mode-linux 6.1; OpenSSL $h->{openssl}. Load of the machine in the last quarter of an hour: $h->{load}.\n";
}

sub fill {
	my $text = slurp("$docs/benchmarks.md") or die "no $docs/benchmarks.md\n";
	my %make = (host => \&table_host, core => \&table_core, cores => \&table_cores, growth => \&table_growth,
		memory => \&table_memory, aims => \&table_aims, lab => \&table_lab, guest_floor => \&table_guest_floor, where => \&table_where, sizes => \&table_sizes);
	$text =~ s{(<!-- table: (\w+) -->\n).*?(<!-- end -->)}{
		my $t = $make{$2} ? $make{$2}->() : die "no table $2\n"; $1 . ($t // "Not measured yet.\n") . $3 }gse;
	spew("$docs/benchmarks.md", $text);
}

# ---- plots ---------------------------------------------------------------------------------------------

sub gnuplot {
	my ($name, $script) = @_;
	open my $g, '|-', 'gnuplot' or die "gnuplot: $!\n";
	print $g "set terminal pngcairo size 900,480 font 'sans,11'\nset output '$docs/benchmarks/$name.png'\nset grid\n$script";
	close $g or die "gnuplot failed at $name\n";
}

sub data { my ($name, @rows) = @_; return "\$$name << EOD\n" . join('', map { join("\t", @$_) . "\n" } @rows) . "EOD\n" }

sub plot_growth {
	my $c = $all->{core}{growth} or return;
	my @count = @{ $all->{core}{instructions} // [] };
	gnuplot('growth', data('cpu', map { [ $_->{pairs}, $_->{cpu_us}{median}, $_->{cpu_us}{low}, $_->{cpu_us}{high} ] } @{ $c->{at} })
		. data('count', map { [ $_->{pairs}, $_->{a_handshake} / 1000 ] } @count) . <<'G');
set title 'A handshake without its crypto, both ends, beside so many pairs'
set logscale x
set xlabel 'pairs that are up'
set ylabel 'CPU, µs'
set y2label 'instructions, thousands'
set y2tics
set yrange [0:*]
set y2range [0:*]
plot $cpu using 1:2:3:4 with yerrorlines lw 2 title 'CPU', $count using 1:2 axes x1y2 with linespoints lw 2 title 'instructions'
G
}

sub plot_handshake {
	my $lab = $all->{lab};
	my $floor = $lab->{floor_outside_ms}{guest} or return;
	my @rows = map { my $k = $_->[0]; my ($both, $user) = map { $lab->{$_}{$k} } qw(handshake_both_ms handshake_both_user_ms);
		$both ? [ "\"$_->[1]\"", $user->{median}, $both->{median} - $user->{median} ] : () } @kinds;
	my $twice = 2 * $floor->{median};
	gnuplot('handshake', data('d', @rows) . <<"G");
set title 'CPU of a handshake in the guest, both ends and the wire, as the machine counts it'
set style data histograms
set style histogram rowstacked
set boxwidth 0.6
set style fill solid 0.7
set ylabel 'ms'
set yrange [0:*]
set xtics font ',9'
plot \$d using 2:xtic(1) title 'user mode', \$d using 3 title 'kernel and switches', $twice with lines lw 2 title 'crypto floor of both ends'
G
}

sub plot_first {
	my $v = $all->{values}{first_answer_ms} or return;
	my $script = "set title 'First answered packet, half a millisecond from host to host'\nset xlabel 'ms'\nset ylabel 'share of the peers'\nset key bottom right\nset yrange [0:1]\nset xrange [0:*]\n";
	my @plots;
	for (@kinds) {
		my ($kind, $title) = @$_;
		my @sorted = sort { $a <=> $b } @{ $v->{$kind} // [] } or next;
		$script .= data($kind, map { [ $sorted[$_], ($_ + 1) / @sorted ] } 0 .. $#sorted);
		push @plots, "\$$kind using 1:2 with steps lw 2 title '$title'";
	}
	gnuplot('first', $script . 'plot ' . join(', ', @plots) . "\n");
}

read_core();
read_lab();
read_host();
spew("$docs/benchmarks.json", $json->encode($all));
fill();
mkdir "$docs/benchmarks";
plot_growth();
plot_handshake();
plot_first();
