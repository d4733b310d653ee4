#!/usr/bin/perl
# A FastCGI program with CGI::Fast: what stands above the loop is done once for each worker, the loop for each request.
# Started as a CGI program it goes through the loop once.
use strict;
use warnings;
use CGI::Fast ();

my $requests = 0;
while (my $q = CGI::Fast->new) {
    $requests++;
    print $q->header(-type => 'text/plain', -charset => 'utf-8'),
        "Request $requests of process $$: " . $q->request_method . ' ' . $q->url(-absolute => 1, -path_info => 1, -query => 1) . "\n";
}
