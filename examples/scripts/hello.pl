#!/usr/bin/env perl
# The smallest CGI program: a head, an empty line, a body. Whatever it prints is the answer.
use strict;
use warnings;

print "Content-Type: text/plain; charset=utf-8\n\n";
print "Hello from Perl.\n";
