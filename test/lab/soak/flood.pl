#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# flood.pl ADDRESS SECONDS RATE - sends IKE_SA_INIT requests to ADDRESS, RATE of them a second, each with an SPI
# of its own. Three of four come from 10.1.200.1 to .40, which are this host's and may speak, the fourth from
# addresses outside. Whatever is answered goes unread. Prints how many were sent.
use strict;
use warnings;
use Socket;
use Time::HiRes qw(time sleep);

my ($to, $seconds, $rate) = @ARGV;
socket my $raw, AF_INET, SOCK_RAW, 255 or die "socket: $!"; # IPPROTO_RAW: the IP header is ours
socket my $deaf, AF_INET, SOCK_DGRAM, 0 or die "socket: $!";
bind $deaf, sockaddr_in(500, INADDR_ANY); # else our kernel would answer by ICMP; another flood may have it

sub payload { my ($next, $body) = @_; return pack('CCn', $next, 0, 4 + length $body) . $body }
sub transform { my ($more, $type, $id, $attribute) = @_; return pack 'CCnCCn a*', $more, 0, 8 + length $attribute, $type, 0, $id, $attribute }

# RFC 7296 3.3: AES-CBC-128, HMAC-SHA-256 twice, MODP-2048
my $transforms = transform(3, 1, 12, pack 'nn', 0x800e, 128) . transform(3, 2, 5, '') . transform(3, 3, 12, '') . transform(0, 4, 14, '');
my $proposal = pack('CCnCCCC', 0, 0, 8 + length $transforms, 1, 1, 0, 4) . $transforms;
my $key = pack('nn', 14, 0) . chr(1 + rand 250) . join '', map { chr rand 256 } 2 .. 256;
my $payloads = payload(34, $proposal) . payload(40, $key) . payload(0, join '', map { chr rand 256 } 1 .. 32);

sub datagram {
	my ($from) = @_;
	my $spi = pack 'NN', 1 + rand 4e9, rand 4e9;
	my $message = $spi . pack('x8 CCCC N N', 33, 0x20, 34, 0x08, 0, 28 + length $payloads) . $payloads;
	my $udp = pack('nnnn', 500, 500, 8 + length $message, 0) . $message;
	return pack('CCnnnCCna4a4', 0x45, 0, 20 + length $udp, 0, 0, 64, 17, 0, inet_aton($from), inet_aton($to)) . $udp;
}

my ($began, $sent) = (time, 0);
while ((my $over = time - $began) < $seconds) {
	for (; $sent < $over * $rate; $sent++) {
		my $from = ($sent % 4 ? '10.1.200.' : '172.20.0.') . (1 + int rand 40);
		send $raw, datagram($from), 0, sockaddr_in(0, inet_aton($to)) or die "send: $!";
	}
	sleep 0.01;
}
print "$sent\n";
