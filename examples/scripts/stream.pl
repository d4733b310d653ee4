#!/usr/bin/env perl
# A line each half second. Perl keeps output until a buffer is full; $| = 1 makes it leave at once.
use strict;
use warnings;

$| = 1;
print "Content-Type: text/plain; charset=utf-8\n";
print "X-Content-Type-Options: nosniff\n\n";    # a browser that guesses types waits for 1 KiB before it shows anything
for my $line (1 .. 20) {
    my ($second, $minute, $hour) = localtime;
    printf "line %d of 20 at %02d:%02d:%02d\n", $line, $hour, $minute, $second;
    select undef, undef, undef, 0.5;             # sleep takes whole seconds only
}
