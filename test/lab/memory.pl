#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# memory.pl PID KEY.pem [PPK as hex]: searches all readable memory of a process for a private key, as
# PEM text, as DER, and for its numbers d, p and q with the highest octet first or last, and for a
# PPK, as octets in either order and as text. Prints what it finds, one name a line, and at the end
# "searched N octets". A run of 48 octets (a PPK: all of it) from the middle of a thing is the thing.
use strict;
use warnings;

my ($pid, $key, $ppk) = @ARGV;
my %wanted;

sub middle { my ($octets) = @_; return substr $octets, length($octets) / 2 - 24, 48 }

# The INTEGERs of an RSAPrivateKey, RFC 8017 A.1.2: version, n, e, d, p, q, ...
sub integers {
	my ($der) = @_;
	my ($at, @all) = (0);
	my $length = sub {
		my $n = ord substr $der, $at++, 1;
		return $n if $n < 128;
		my $octets = substr $der, $at, $n & 127;
		$at += $n & 127;
		return oct '0x' . unpack 'H*', $octets;
	};
	$at++;
	$length->();
	while ($at < length $der) {
		$at++;
		my $n = $length->();
		push @all, substr $der, $at, $n;
		$at += $n;
	}
	return @all;
}

sub run { my $out = `$_[0]`; die "$_[0]: $?\n" if $?; return $out }

my $pem = run("openssl pkey -in '$key'");
my @lines = grep { length == 64 && !/-/ } split /\n/, $pem;
$wanted{'PEM'} = middle($lines[@lines / 2]);
$wanted{'DER'} = middle(run("openssl pkcs8 -topk8 -nocrypt -in '$key' -outform DER"));
my @numbers = integers(run("openssl rsa -in '$key' -traditional -outform DER 2>/dev/null"));
my %number = (d => $numbers[3], p => $numbers[4], q => $numbers[5]);
for my $name (keys %number) {
	$wanted{"$name, highest octet first"} = middle($number{$name});
	$wanted{"$name, lowest octet first"} = middle(scalar reverse $number{$name});
}
if ($ppk) {
	$wanted{'PPK'} = pack 'H*', $ppk;
	$wanted{'PPK backwards'} = reverse pack 'H*', $ppk;
	$wanted{'PPK as text'} = $ppk;
}

open my $maps, '<', "/proc/$pid/maps" or die "/proc/$pid/maps: $!\n";
open my $mem, '<:raw', "/proc/$pid/mem" or die "/proc/$pid/mem: $!\n";
my ($searched, %found) = (0);
while (<$maps>) {
	my ($from, $to, $name) = /^([0-9a-f]+)-([0-9a-f]+) r\S+ \S+ \S+ \S+ *(.*)/ or next;
	next if $name =~ /^\[v/; # of the kernel's own, not to be read
	my $at = hex $from;
	my $rest = '';
	while ($at < hex $to) {
		my $n = hex($to) - $at;
		$n = 1 << 20 if $n > 1 << 20;
		sysseek $mem, $at, 0 or last;
		my $got = sysread $mem, my $octets, $n;
		if (!$got) { # a page that cannot be read: the next one may
			$at += 4096;
			$rest = '';
			next;
		}
		$at += $got;
		$searched += $got;
		my $both = $rest . $octets;
		for my $what (keys %wanted) {
			$found{$what} = 1 if index($both, $wanted{$what}) >= 0;
		}
		$rest = length $both > 64 ? substr $both, -64 : $both;
	}
}
print "$_\n" for sort keys %found;
print "searched $searched octets\n";
