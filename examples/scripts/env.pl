#!/usr/bin/env perl
# Shows the variables that a CGI program is given: the request arrives in the environment (RFC 3875, section 4.1).
use strict;
use warnings;

# Clients choose many of the values, so each is escaped before it becomes HTML.
sub escape {
    my ($text) = @_;
    my %entity = ('&' => '&amp;', '<' => '&lt;', '>' => '&gt;', '"' => '&quot;', "'" => '&#39;');
    $text =~ s/([&<>"'])/$entity{$1}/g;
    return $text;
}

print <<'END';
Content-Type: text/html; charset=utf-8

<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Environment, from Perl</title>
<link rel="stylesheet" href="/style.css">
<main>
<h1>Environment, from Perl</h1>
<div class="scroll" tabindex="0"><table>
END
for my $name (sort keys %ENV) {
    printf qq(<tr><th scope="row">%s<td>%s\n), escape($name), escape($ENV{$name});
}
print <<'END';
</table></div>
<p><a href="/">Back to the examples</a>
</main>
END
