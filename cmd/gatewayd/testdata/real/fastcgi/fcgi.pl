#!/usr/bin/perl
# FCGI.pm, the binding below CGI::Fast. PATH_INFO says what it does, as in app.c.
use strict;
use warnings;
use FCGI;

my $count = 0;
my $request = FCGI::Request();
while ($request->Accept >= 0) {
	my $path = $ENV{PATH_INFO} // '';
	$count++;
	if ($path eq '/env') {
		print "Content-Type: text/plain\r\n\r\n", map { "$_=$ENV{$_}\n" } sort keys %ENV;
	} elsif ($path eq '/echo') {
		print "Content-Type: application/octet-stream\r\n\r\n";
		print $_ while read STDIN, $_, 32768;
	} elsif ($path eq '/stderr') {
		print STDERR "a complaint: $ENV{QUERY_STRING}\n";
		print "Content-Type: text/plain\r\n\r\ncomplained\n";
	} else {
		print "Content-Type: text/plain\r\n\r\n$$ $count\n";
	}
}
