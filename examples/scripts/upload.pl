#!/usr/bin/env perl
# Takes files from a form and says what arrived. Nothing is kept: where and under which name to keep a file is a
# decision that the client must not make.
use strict;
use warnings;

my $most = 10 << 20;    # bytes of the whole body, because all of it is held in memory

# What clients send is escaped before it becomes HTML.
sub escape {
    my ($text) = @_;
    my %entity = ('&' => '&amp;', '<' => '&lt;', '>' => '&gt;', '"' => '&quot;', "'" => '&#39;');
    $text =~ s/([&<>"'])/$entity{$1}/g;
    return $text;
}

sub page {
    my ($body, $status) = @_;
    my $mebibytes = $most >> 20;
    print <<"END";
Status: $status
Content-Type: text/html; charset=utf-8

<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Upload, to Perl</title>
<link rel="stylesheet" href="/style.css">
<main>
<h1>Upload, to Perl</h1>
$body
<form method="post" enctype="multipart/form-data">
<p><label for="file">Files, at most $mebibytes MiB together</label> <input id="file" type="file" name="file" multiple required>
<p><label for="comment">A comment</label> <input id="comment" name="comment">
<p><button>Send</button>
</form>
<p><a href="/">Back to the examples</a>
</main>
END
    exit;
}

page('', '200 OK') if ($ENV{REQUEST_METHOD} || '') ne 'POST';

my $length = $ENV{CONTENT_LENGTH} || 0;
page("<p>That is $length bytes, more than $most.", '413 Content Too Large') if $length > $most;

my ($boundary) = ($ENV{CONTENT_TYPE} || '') =~ m{^multipart/form-data\b.*;\s*boundary="?([^\s";]+)}i
    or page('<p>That cannot be read: it is not multipart/form-data.', '400 Bad Request');

binmode STDIN;
my $body = '';
while (length $body < $length) {
    read(STDIN, $body, $length - length $body, length $body) or last;
}

# Every delimiter is CR LF, two dashes and the boundary (RFC 2046, section 5.1.1); the first may lack the CR LF, so it
# is lent one. What comes before the first delimiter is nobody's, after the last come two dashes.
my (undef, @pieces) = split /\r\n--\Q$boundary\E/, "\r\n$body", -1;
my $end = pop @pieces;
page('<p>That cannot be read: it ends before its last boundary.', '400 Bad Request')
    if !defined $end || $end !~ /^--/;

my $rows = '';
for my $piece (@pieces) {
    my ($head, $content) = split /\r\n\r\n/, $piece, 2;
    $content = '' if !defined $content;
    my ($name) = $head =~ /^Content-Disposition:.*?;\s*name="([^"]*)"/im;
    my ($filename) = $head =~ /^Content-Disposition:.*?;\s*filename="([^"]*)"/im;
    my $shown = defined $filename ? "$filename: " . length($content) . ' bytes' : substr $content, 0, 200;
    $rows .= '<dt>' . escape(defined $name ? $name : '') . '<dd>' . escape($shown) . "\n";
}
page("<h2>You sent</h2><dl>$rows</dl>", '200 OK');
