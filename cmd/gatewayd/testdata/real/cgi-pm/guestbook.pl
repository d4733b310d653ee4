#!/usr/bin/perl
# A guest book with pictures, as people write them with CGI.pm: a form, a POST with a file, a cookie, a redirect.
use strict;
use warnings;
use utf8;
use CGI qw(-utf8);
use Digest::SHA;
use Encode qw(decode_utf8);
use Fcntl qw(:flock SEEK_SET);

$CGI::POST_MAX = 8 * 1024 * 1024;
$CGI::DISABLE_UPLOADS = 0;

my $q = CGI->new;
binmode STDOUT, ':utf8';

if ($q->cgi_error) {
    print $q->header(-status => $q->cgi_error, -type => 'text/plain'), "refused: ", $q->cgi_error, "\n";
    exit;
}

my %pages = ('' => \&show, '/' => \&show, '/sign' => \&sign, '/upload' => \&upload, '/logout' => \&logout);
my $page = $pages{$q->path_info} or missing();
$page->();

sub show {
    my $name = decode_utf8($q->cookie('name') // 'stranger');
    print $q->header(-type => 'text/html', -charset => 'utf-8', -expires => 'now'),
        $q->start_html(-title => 'Guest book', -lang => 'en', -encoding => 'utf-8'),
        $q->h1('Welcome, ' . $q->escapeHTML($name)),
        $q->start_form(-action => $q->url(-absolute => 1) . '/sign', -method => 'POST', -enctype => &CGI::URL_ENCODED),
        $q->textfield(-name => 'name', -default => $name), $q->textarea(-name => 'text'), $q->submit('Sign'),
        $q->end_form,
        $q->ul($q->li([map { $q->escapeHTML($_) } entries()])),
        $q->p('You are at ' . $q->escapeHTML($q->url(-full => 1)) . ', self ' . $q->escapeHTML($q->self_url)),
        $q->end_html;
}

sub sign {
    return missing() if $q->request_method ne 'POST';
    my ($name, $text) = (scalar $q->param('name'), scalar $q->param('text'));
    open my $book, '>>:utf8', 'book.txt' or die "book.txt: $!";
    flock $book, LOCK_EX;
    print $book "$name: $text\n";
    close $book;
    utf8::encode($name);
    print $q->redirect(
        -uri    => $q->url(-full => 1) . '/',
        -status => '303 See Other',
        -cookie => [$q->cookie(-name => 'name', -value => $name, -path => $q->url(-absolute => 1), -httponly => 1),
                    $q->cookie(-name => 'visits', -value => 1)],
    );
}

sub upload {
    my $file = $q->upload('picture') or return missing();
    my ($sha, $size) = (Digest::SHA->new(256), 0);
    my $type = $q->uploadInfo(scalar $q->param('picture'))->{'Content-Type'};
    binmode $file;
    while (my $n = read $file, my $block, 65536) { $sha->add($block); $size += $n }
    print $q->header(-type => 'text/plain', -charset => 'utf-8', -status => '201 Created');
    print join(' ', decode_utf8(scalar $q->param('picture')), $type, $size, $sha->hexdigest, scalar $q->param('title')), "\n";
}

sub logout {
    print $q->header(-type => 'text/plain', -cookie => $q->cookie(-name => 'name', -value => '', -path => $q->url(-absolute => 1), -expires => '-1d')), "bye\n";
}

sub entries {
    open my $book, '<:utf8', 'book.txt' or return;
    chomp(my @lines = <$book>);
    return @lines;
}

sub missing {
    print $q->header(-status => '404 Not Found', -type => 'text/plain'), "no such page\n";
    exit;
}
