#!/usr/bin/python3
# Mercurial's web interface as a CGI program; hgweb.config is beside it.
from mercurial import demandimport

demandimport.enable()
from mercurial.hgweb import hgweb, wsgicgi

wsgicgi.launch(hgweb(b"hgweb.config"))
