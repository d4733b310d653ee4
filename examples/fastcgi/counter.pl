#!/usr/bin/env perl
# A FastCGI program in Perl: it is started once and answers many requests, so it can count them.
#
# CGI::Fast (Debian: apt-get install libcgi-fast-perl) is CGI.pm in a loop. It speaks CGI too:
#
#     routes:
#       "/counter": { fastcgi: ./counter.pl }     # or cgi: then each request is number 1
use strict;
use warnings;
use CGI::Fast;

my $count = 0;
while (my $q = CGI::Fast->new) {
	$count++;
	print $q->header('text/plain');
	print "Request number $count of process $$.\n";
	print "It brought $ENV{CONTENT_LENGTH} bytes, the name is ", $q->param('name') // 'missing', ".\n" if $ENV{CONTENT_LENGTH};
}
