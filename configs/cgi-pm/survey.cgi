#!/usr/bin/perl
# A small survey with CGI.pm, which reads the form and keeps what was typed in its fields.
use strict;
use warnings;
use CGI ();

my $q = CGI->new;
$q->charset('utf-8');

print $q->header, $q->start_html(-title => 'Survey', -lang => 'en'), $q->h1('Survey');
if ($q->request_method eq 'POST') {
    my $name   = $q->param('name')   // '';
    my $colour = $q->param('colour') // '';
    print $q->p('Thank you, ' . $q->escapeHTML($name) . ': ' . $q->escapeHTML($colour) . ' it is.');
}
print $q->start_form,
    $q->p($q->label({ -for => 'name' }, 'Your name'), $q->textfield(-name => 'name', -id => 'name')),
    $q->p($q->label({ -for => 'colour' }, 'A colour'), $q->popup_menu(-name => 'colour', -id => 'colour', -values => [qw(red green blue)])),
    $q->p($q->submit('Send')),
    $q->end_form, $q->end_html, "\n";
