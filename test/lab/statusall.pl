# SPDX-License-Identifier: Apache-2.0
# statusall - reads `ipsec statusall` as strongSwan prints it: perl statusall.pl <STATUS
#
# Written after strongSwan's layout, and knowing nothing else: a script that somebody has for strongSwan. It
# writes a line for the whole, and one for each CHILD_SA that is installed:
#
#	up N connecting N
#	LOCAL REMOTE IKE_SPI_I IKE_SPI_R SPI_IN SPI_OUT BYTES_IN BYTES_OUT CIPHER
#
# and ends with 1, saying what it misses, if the layout is another. Nothing but perl-base is needed.
use strict;
use warnings;

my (%heading, %ike, %child, $ike_of, $now);
my ($up, $connecting);
while (<STDIN>) {
	chomp;
	if (/^Status of (IKE charon daemon|.+) \(.*\):$/) { $heading{status} = 1 }
	elsif (/^  uptime: .+, since \w{3} \d\d \d\d:\d\d:\d\d \d{4}$/) { $heading{uptime} = 1 }
	elsif (/^Listening IP addresses:$/) { $heading{listening} = 1 }
	elsif (/^Connections:$/) { $heading{connections} = 1 }
	elsif (/^Shunted Connections:$/) { $heading{shunted} = 1 }
	elsif (/^Routed Connections:$/) { $heading{routed} = 1 }
	elsif (/^Security Associations \((\d+) up, (\d+) connecting\):$/) { ($up, $connecting, $now) = ($1, $2, 1) }
	next unless $now;
	if (/^ *(\S+)\[(\d+)\]: ESTABLISHED .+ ago, (\S+?)\[(.+?)\]\.\.\.(\S+?)\[(.+)\]$/) {
		$ike_of = $2;
		$ike{$2} = { local => $3, remote => $5 };
	} elsif (/^ *\S+\[(\d+)\]: IKEv2 SPIs: ([0-9a-f]{16})_i(\*?) ([0-9a-f]{16})_r(\*?)(?:,|$)/) {
		die "IKE SA $1 has SPIs, and is not there\n" unless $ike{$1};
		die "IKE SA $1: one side is ours\n" unless ($3 eq '*') != ($5 eq '*');
		@{$ike{$1}}{qw(spi_i spi_r)} = ($2, $4);
	} elsif (/^ *\S+\[(\d+)\]: IKE proposal: (\S+)$/) {
		$ike{$1}{proposal} = $2;
	} elsif (/^ *\S+\{(\d+)\}:  INSTALLED, TRANSPORT, reqid \d+, ESP(?: in UDP)? SPIs: ([0-9a-f]{8})_i ([0-9a-f]{8})_o$/) {
		$child{$1} = { in => $2, out => $3, ike => $ike_of };
	} elsif (/^ *\S+\{(\d+)\}:  (\S+), (\d+) bytes_i(?: \(\d+ pkts?, \d+s ago\))?, (\d+) bytes_o(?: \(\d+ pkts?, \d+s ago\))?, rekeying (?:in .+|active|disabled)$/) {
		@{$child{$1}}{qw(cipher bytes_in bytes_out)} = ($2, $3, $4) if $child{$1};
	} elsif (/^ *\S+\{(\d+)\}:   (\S+)\/\d+ === (\S+)\/\d+$/) {
		@{$child{$1}}{qw(local remote)} = ($2, $3) if $child{$1};
	}
}
my @missing = grep { !$heading{$_} } qw(status uptime listening connections routed);
push @missing, 'Security Associations' unless defined $up;
for my $id (keys %child) {
	my ($c, $i) = ($child{$id}, $ike{$child{$id}{ike} // ''});
	push @missing, map { "$_ of {$id}" } grep { !defined $c->{$_} } qw(in out cipher bytes_in bytes_out local remote);
	push @missing, map { "$_ of the IKE SA of {$id}" } grep { !defined $i->{$_} } qw(local remote spi_i spi_r proposal);
}
die "not found: @missing\n" if @missing;
print "up $up connecting $connecting\n";
for my $c (sort { $a->{remote} cmp $b->{remote} } values %child) {
	my $i = $ike{$c->{ike}};
	print "$c->{local} $c->{remote} $i->{spi_i} $i->{spi_r} $c->{in} $c->{out} $c->{bytes_in} $c->{bytes_out} $c->{cipher}\n";
}
