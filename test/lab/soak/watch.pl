#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# watch.pl DIR PERIOD NAME=KIND... - what the hosts of a soak take, every PERIOD seconds until it is killed.
# KIND is ikemesh or strongswan, with +lossy where tc-netem drops packets. DIR/NAME/pid has the number of the
# daemon. Lines, TIME in ms since the epoch:
#
#	TIME NAME process ROLE PID KIB FDS      anonymous memory and descriptors of guardian, engine, keyholder, charon
#	TIME NAME dropped IKE ESP               packets that netem has dropped so far
#	TIME NAME states N                      SAs in the kernel, every tenth time
#	TIME NAME xfrm COUNTER MORE             packets that the kernel has thrown away since the look before
#	TIME - looked                           all hosts' were read: each second, or when there is CPU for it
use strict;
use warnings;
use POSIX ();
use Time::HiRes qw(time sleep);
use constant { SYS_setns => { x86_64 => 308, aarch64 => 268 }->{ (POSIX::uname())[4] }, CLONE_NEWNET => 0x40000000 };

my ($dir, $period, @hosts) = @ARGV;
$| = 1;

sub slurp { my ($file) = @_; open my $f, '<', $file or return ''; local $/; my $text = <$f>; return $text // '' }

sub processes { # of a daemon by role, children by their arguments
	my ($kind, $name) = @_;
	my $is_swan = $kind =~ /strongswan/;
	my ($pid) = slurp($is_swan ? "$dir/$name/run/charon.pid" : "$dir/$name/pid") =~ /(\d+)/ or return ();
	return (charon => $pid) if $is_swan;
	my %found = (guardian => $pid);
	for my $child (split ' ', slurp("/proc/$pid/task/$pid/children")) {
		$found{$1} = $child if slurp("/proc/$child/cmdline") =~ /\0--(engine|keyholder)\0/;
	}
	return %found;
}
sub take { # NAME: its processes
	my ($now, $kind, $name) = @_;
	my %of = processes($kind, $name);
	for my $role (sort keys %of) {
		my $pid = $of{$role} // next;
		my ($kib) = slurp("/proc/$pid/status") =~ /^RssAnon:\s*(\d+)/m or next;
		opendir my $fds, "/proc/$pid/fd" or next;
		my $n = grep { !/^\./ } readdir $fds;
		print "$now $name process $role $pid $kib $n\n" if $n;
	}
}
sub dropped {
	my ($now, $name) = @_;
	my %drops;
	for (split /^qdisc /m, `tc -n $name -s qdisc show dev eth0`) {
		$drops{$1} = $2 if /^netem .*parent 1:(\d+) .*?dropped (\d+)/s;
	}
	print "$now $name dropped $drops{4} $drops{5}\n" if defined $drops{5};
}

# A file of /proc/net is of the network namespace that it was opened in, wherever its reader goes.
my (%stat, %thrown);
sub open_stats {
	open my $own, '<', '/proc/self/ns/net' or die "no namespace: $!";
	for (map { (split /=/)[0] } @hosts) {
		open my $ns, '<', "/run/netns/$_" or die "no host $_: $!";
		syscall(SYS_setns, fileno $ns, CLONE_NEWNET) == 0 or die "setns: $!";
		open $stat{$_}, '<', '/proc/thread-self/net/xfrm_stat' or die "no counters of $_: $!";
	}
	syscall(SYS_setns, fileno $own, CLONE_NEWNET) == 0 or die "setns: $!";
}
sub thrown_away {
	my ($name) = @_;
	my $now = int(time * 1000);
	my $f = $stat{$name};
	seek $f, 0, 0;
	local $/;
	my %n = split ' ', <$f> // '';
	for (sort keys %n) {
		my $more = $n{$_} - ($thrown{$name}{$_} // $n{$_});
		print "$now $name xfrm $_ $more\n" if $more;
	}
	$thrown{$name} = \%n;
}

open_stats();
for (my $round = 0;; $round++) {
	my $began = time;
	for (@hosts) {
		my ($name, $kind) = split /=/;
		my $now = int(time * 1000);
		take($now, $kind, $name);
		dropped($now, $name) if $kind =~ /lossy/;
		print "$now $name states $1\n" if $round % 10 == 0 && `ip -n $name xfrm state count` =~ /(\d+)/;
	}
	do {
		thrown_away((split /=/)[0]) for @hosts;
		print int(time * 1000), " - looked\n";
		sleep 1;
	} while (time - $began < $period);
}
