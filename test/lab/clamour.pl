# SPDX-License-Identifier: Apache-2.0
# clamour - clients of a control socket, good and bad, from one process: perl clamour.pl SOCKET N STOP
#
# N connections are there at any time, until the file STOP is. Of eight, four ask properly and read at once,
# one of them for statusall, and come again three seconds after their answer; one is mute; one sends its question a
# letter at a time; one asks for statusall and reads a few octets now and then; one sends garbage without end.
# These four come again half a second after they were shown the door. At the end a line tells
#
#	answered N unanswered N shown the door N median N ms 99 of 100 N ms the longest answer N ms
#
# of the proper ones, and (door) of the others. With N = 0 it asks for statusall 10 times, one after the
# other, and writes how many ms each answer took, and its octets. Nothing but perl-base is needed.
use strict;
use warnings;
use IO::Select;
use IO::Socket::UNIX;
use Time::HiRes qw(time sleep);

my ($path, $n, $stop) = @ARGV;
$SIG{PIPE} = 'IGNORE';

sub once {
	my $began = time;
	my $s = IO::Socket::UNIX->new(Peer => $path) or die "$path: $!";
	syswrite $s, "{\"command\":\"statusall\"}\n";
	my $text = '';
	1 while sysread $s, $text, 1 << 20, length $text;
	printf "%.1f %d\n", (time - $began) * 1000, length $text;
	return $text =~ /\}\n\z/;
}
if ($n == 0) {
	for (1 .. 10) {
		once() or die 'no whole answer';
		sleep 0.2;
	}
	exit 0;
}

my @manners = ('version', 'mute', 'statusall', 'letters', 'version', 'sips', 'status', 'garbage');
my %question = (version => '{"command":"version"}', status => '{"command":"status","peer":"10.2.4.1"}',
	statusall => '{"command":"statusall"}', sips => '{"command":"statusall"}');
my $garbage = join '', map { chr(33 + $_ * 7 % 90) } 1 .. 2000;
my ($answered, $unanswered, $door) = (0, 0, 0);
my @took;
my $select = IO::Select->new;
my %by_socket;
my @clients = map { { manner => $manners[$_ % @manners], at => time + $_ / $n } } 0 .. $n - 1;

sub come { # CLIENT
	my $c = shift;
	my $s = IO::Socket::UNIX->new(Peer => $path) or return $c->{at} = time + 1;
	$s->blocking(0);
	@$c{qw(socket began text at)} = ($s, time, '', time);
	$by_socket{$s} = $c;
	syswrite $s, "$question{$c->{manner}}\n" if $question{$c->{manner}};
	$select->add($s) unless $c->{manner} eq 'sips';
}
sub go { # CLIENT
	my $c = shift;
	my $proper = $c->{manner} =~ /^(version|status)/;
	my $took = (time - $c->{began}) * 1000;
	$select->remove($c->{socket});
	delete $by_socket{$c->{socket}};
	close $c->{socket};
	delete $c->{socket};
	if (!$proper) { $door++ }
	elsif ($c->{text} =~ /\}\n\z/ && $c->{text} !~ /"ok":false/) { $answered++ }
	else { $unanswered++ }
	push @took, $took if $proper;
	$c->{at} = time + ($proper ? 3 : 0.5);
}
sub hear { # CLIENT OCTETS: false when there is nothing more to come
	my ($c, $most) = @_;
	my $got = sysread $c->{socket}, $c->{text}, $most, length $c->{text};
	return 1 if $got || (!defined $got && $!{EAGAIN});
	go($c);
	return 0;
}

while (!-e $stop) {
	for my $s ($select->can_read(0.05)) { hear($by_socket{$s}, 1 << 20) }
	my $now = time;
	for my $c (@clients) {
		next if $c->{at} > $now;
		if (!$c->{socket}) { come($c) }
		elsif ($c->{manner} eq 'letters') { syswrite $c->{socket}, '{'; $c->{at} = $now + 0.5 }
		elsif ($c->{manner} eq 'sips') { hear($c, 16) and $c->{at} = $now + 0.5 }
		elsif ($c->{manner} eq 'garbage') { syswrite $c->{socket}, $garbage; $c->{at} = $now + 0.3 }
		else { $c->{at} = $now + 60 }
	}
}
@took = sort { $a <=> $b } @took;
printf "answered %d unanswered %d shown the door %d median %d ms 99 of 100 %d ms the longest answer %d ms\n",
	$answered, $unanswered, $door, map { $took[$_ * $#took] // 0 } 0.5, 0.99, 1;
