#!/usr/bin/perl
# CGI::Fast: CGI.pm's way to be a worker. PATH_INFO says what it does, as in app.c.
use strict;
use warnings;
use CGI::Fast;

my $count = 0;
while (my $q = CGI::Fast->new) {
	my $path = $q->path_info;
	$count++;
	if ($path eq '/env') {
		print $q->header('text/plain'), map { "$_=$ENV{$_}\n" } sort keys %ENV;
	} elsif ($path eq '/echo') {
		print $q->header('application/octet-stream'), $q->param($q->request_method . 'DATA') // '';
	} elsif ($path eq '/form') {
		print $q->header(-type => 'text/plain', -charset => 'utf-8'), map { "$_=" . $q->param($_) . "\n" } sort $q->param;
	} elsif ($path eq '/stderr') {
		print STDERR "a complaint: $ENV{QUERY_STRING}\n";
		print $q->header('text/plain'), "complained\n";
	} else {
		print $q->header('text/plain'), "$$ $count\n";
	}
}
