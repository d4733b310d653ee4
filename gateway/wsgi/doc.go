// Package wsgi has the program that serves a Python application by WSGI (PEP 3333) as a FastCGI worker. It is carried
// inside gatewayd and needs nothing but an interpreter: the application is imported once in each worker, and answers one
// request at a time, or as many as it has threads. What starts and asks workers is the business of others.
package wsgi
