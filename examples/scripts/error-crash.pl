#!/usr/bin/env perl
# Broken on purpose: dies before it has answered anything. What Perl says about it goes to the log, never to the client.
use strict;
use warnings;

die "cannot open the database: permission denied\n";
