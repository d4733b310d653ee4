#!/usr/bin/python3
# Mercurial's own web interface for the repositories directly below $HG_ROOT. It is Debian's python3 on purpose: another
# one in PATH would not find the mercurial package.
import os

from mercurial import demandimport

demandimport.enable()  # what a request does not need is never loaded, which makes a program per request bearable

from mercurial.hgweb import hgweb, wsgicgi

wsgicgi.launch(hgweb([(b"/", os.environb[b"HG_ROOT"] + b"/*")]))
