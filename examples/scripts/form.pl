#!/usr/bin/env perl
# A form and its answer: GET shows the form, POST shows what was sent.
use strict;
use warnings;

my $most = 65536;    # bytes; enough for a form, and nobody can fill the memory

# What clients send is escaped before it becomes HTML.
sub escape {
    my ($text) = @_;
    my %entity = ('&' => '&amp;', '<' => '&lt;', '>' => '&gt;', '"' => '&quot;', "'" => '&#39;');
    $text =~ s/([&<>"'])/$entity{$1}/g;
    return $text;
}

# "+" is a space and %XX is any other byte.
sub decode {
    my ($text) = @_;
    $text =~ tr/+/ /;
    $text =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
    return $text;
}

# The body is on standard input, CONTENT_LENGTH bytes of it: name=value&name=value.
sub fields {
    my $length = $ENV{CONTENT_LENGTH} || 0;
    $length = $most if $length > $most;
    binmode STDIN;
    my $body = '';
    while (length $body < $length) {
        read(STDIN, $body, $length - length $body, length $body) or last;
    }
    return map { [map { decode($_) } (split(/=/, $_, 2), '', '')[0, 1]] } grep { length } split /&/, $body;
}

print <<'END';
Content-Type: text/html; charset=utf-8

<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Form, from Perl</title>
<link rel="stylesheet" href="/style.css">
<main>
<h1>Form, from Perl</h1>
END

if (($ENV{REQUEST_METHOD} || '') eq 'POST') {
    print "<h2>You sent</h2><dl>\n";
    for my $field (fields()) {
        my ($name, $value) = @$field;
        print '<dt>', escape($name), '<dd>', escape($value), "\n";
    }
    print "</dl>\n";
}

print <<'END';
<form method="post">
<p><label for="name">Your name</label> <input id="name" name="name" autocomplete="name" required>
<p><label for="note">A note</label> <textarea id="note" name="note" rows="3"></textarea>
<p><button>Send</button>
</form>
<p><a href="/">Back to the examples</a>
</main>
END
