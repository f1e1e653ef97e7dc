#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# outside.pl DIR GUESTS - tells the stories of the bench how much CPU their guest has had, as this machine counts
# it: the guest itself takes for CPU of its own what others had of its CPU meanwhile, and counts in ticks of 10 ms.
# DIR/ask has a word of the story's; DIR/answer gets it back, with microseconds in all, and of them those in the
# user mode of the guest's programs. GUESTS is where the guests have their directories. Ends when it is killed.
use strict;
use warnings;
use POSIX ();

my ($dir, $guests) = @ARGV;
die "usage: outside.pl DIR GUESTS\n" unless defined $guests;
my $tick = 1e6 / POSIX::sysconf(POSIX::_SC_CLK_TCK());

sub slurp { my ($file) = @_; local $/; open my $f, '<', $file or return; return scalar <$f> }

# Each program of a guest is a process here, which runs nothing but user mode; the first one is its kernel.
sub cpu {
	my (%stat, %kernel);
	for my $file (glob '/proc/[0-9]*/cmdline') {
		my $line = slurp($file) // next;
		next unless $line =~ /^[^\0]*linux\.uml\0/ && $line =~ /\0uml_dir=\Q$guests\E\/guest/;
		my ($pid) = $file =~ /(\d+)/;
		my $stat = slurp("/proc/$pid/stat") // next;
		$stat{$pid} = [ split ' ', $stat =~ s/.*\) //sr ];
	}
	my ($all, $user) = (0, 0);
	for my $pid (keys %stat) {
		my @s = @{ $stat{$pid} };
		for my $task (glob "/proc/$pid/task/*/schedstat") {
			my ($ns) = split ' ', slurp($task) // 0;
			$all += $ns / 1000;
		}
		$all += ($s[13] + $s[14]) * $tick;
		$user += $s[13] * $tick;
		$user += $s[11] * $tick if $stat{ $s[1] };
	}
	return sprintf '%.0f %.0f', $all, $user;
}

my $last = '';
while (1) {
	my $asked = slurp("$dir/ask") // '';
	if ($asked =~ /\n\z/ && $asked ne $last) {
		$last = $asked;
		chomp $asked;
		open my $f, '>', "$dir/answer.new" or die "$dir: $!\n";
		print $f "$asked ", cpu(), "\n";
		close $f or die;
		rename "$dir/answer.new", "$dir/answer";
	}
	select undef, undef, undef, 0.01;
}
