#!/bin/sh
# Broken on purpose: no head and no empty line before the text, the usual mistake in a first CGI program.
echo "Hello, I forgot the Content-Type line!"
