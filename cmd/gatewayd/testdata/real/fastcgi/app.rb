#!/usr/bin/ruby
# ruby-fcgi. PATH_INFO says what it does, as in app.c.
require 'fcgi'

count = 0
FCGI.each do |request|
  env, out = request.env, request.out
  count += 1
  case env['PATH_INFO']
  when '/env'
    out.print "Content-Type: text/plain\r\n\r\n", env.sort.map { |name, value| "#{name}=#{value}\n" }.join
  when '/echo'
    out.print "Content-Type: application/octet-stream\r\n\r\n", request.in.read
  when '/stderr'
    request.err.print "a complaint: #{env['QUERY_STRING']}\n"
    out.print "Content-Type: text/plain\r\n\r\ncomplained\n"
  else
    out.print "Content-Type: text/plain\r\n\r\n#{$$} #{count}\n"
  end
  request.finish
end
