#!/usr/bin/env ruby
# A FastCGI program in Ruby: it is started once and answers many requests, so it can count them.
#
# It needs the fcgi gem (Debian: apt-get install ruby-fcgi).
#
#     routes:
#       "/counter": { fastcgi: ./counter.rb }
require 'fcgi'

count = 0
FCGI.each do |request|
  count += 1
  length = request.in.read.bytesize
  request.out.print "Content-Type: text/plain\r\n\r\n"
  request.out.print "Request number #{count} of process #{$$}.\n"
  request.out.print "It brought #{length} bytes.\n" if length > 0
  request.finish
end
