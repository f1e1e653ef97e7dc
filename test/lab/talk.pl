# SPDX-License-Identifier: Apache-2.0
# talk - TCP connections that must not break: perl talk.pl STOP OWN PEER...
#
# Listens on port 7000 of OWN and gives back what comes; connects to port 7000 of each PEER, sends a
# numbered line each 50 ms, and reads the lines that come back. When the file STOP is there, it sends no
# more, waits 10 s at most for what is missing, and says for each PEER how it went:
#
#	OWN PEER SENT BACK [broken: WHY]
#
# It ends when nobody is connected to it any more. Nothing but perl-base is needed.
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;

my ($stop, $own, @peers) = @ARGV;
$SIG{PIPE} = 'IGNORE';
my $listener = IO::Socket::INET->new(LocalAddr => $own, LocalPort => 7000, Listen => 64, ReuseAddr => 1)
	or die "$own: $!";
my $select = IO::Select->new($listener);
my (%asked, %guests);

for my $peer (@peers) {
	my $s;
	for (1 .. 100) { # it may not listen yet
		$s = IO::Socket::INET->new(LocalAddr => $own, PeerAddr => $peer, PeerPort => 7000) and last;
		select undef, undef, undef, 0.1;
	}
	die "$own to $peer: $!" unless $s;
	$s->blocking(0);
	$select->add($s);
	$asked{$s} = { peer => $peer, socket => $s, sent => 0, back => 0, text => '', why => '' };
}

sub broken { # CONNECTION WHY
	my ($c, $why) = @_;
	$c->{why} = "broken: $why";
	$select->remove($c->{socket});
}
sub read_back { # CONNECTION
	my $c = shift;
	my $n = sysread $c->{socket}, $c->{text}, 65536, length $c->{text};
	return broken($c, defined $n ? 'closed' : "$!") unless $n;
	while ($c->{text} =~ s/^(\d+)\n//) {
		return broken($c, "line $1 after $c->{back}") if $1 != $c->{back} + 1;
		$c->{back} = $1;
	}
}
sub give_back { # SOCKET
	my $s = shift;
	my $n = sysread $s, my $text, 65536;
	if ($n) {
		syswrite $s, $text;
		return;
	}
	$select->remove($s);
	delete $guests{$s};
	close $s;
}

sub serve { # SECONDS: what comes in that time at most
	for my $s ($select->can_read(shift)) {
		if ($s == $listener) {
			my $guest = $listener->accept or next;
			$select->add($guest);
			$guests{$guest} = $guest;
		} elsif ($asked{$s}) {
			read_back($asked{$s});
		} else {
			give_back($s);
		}
	}
}

until (-e $stop) {
	my $rest = 0.05;
	for my $c (values %asked) {
		next if $c->{why};
		my $line = ($c->{sent} + 1) . "\n";
		my $n = syswrite $c->{socket}, $line;
		if (defined $n && $n == length $line) { $c->{sent}++ }
		elsif (!$!{EAGAIN}) { broken($c, "$!") }
	}
	for (1 .. 10) { serve($rest / 10) }
}
my $end = time + 10;
serve(0.1) while time < $end && grep { !$_->{why} && $_->{back} < $_->{sent} } values %asked;
for my $c (sort { $a->{peer} cmp $b->{peer} } values %asked) {
	print "$own $c->{peer} $c->{sent} $c->{back} $c->{why}\n";
	close $c->{socket};
	$select->remove($c->{socket});
}
$end = time + 20;
serve(0.1) while time < $end && %guests;
