#!/usr/bin/perl
# CGI.pm writes the status line and the Server and Date fields itself here.
use strict;
use warnings;
use CGI qw(-nph);

my $q = CGI->new;
print $q->header(-type => 'text/plain', -status => "418 I'm a teapot", -x_pot => 'short'), 'stout ', scalar $q->param('size'), "\n";
