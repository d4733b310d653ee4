# gatewayd in a container.
#
#   docker build -t gatewayd .
#   docker run --rm -p 8080:8080 gatewayd                                  # the demo
#   docker run --rm -p 8080:8080 -v ./my-site:/etc/gatewayd:ro gatewayd    # my-site/gatewayd.yaml and its folders
#
# As process 1 gatewayd starts itself as a child, passes signals on and reaps what programs leave behind: no --init is
# needed. docker stop gives 10 s, drain_timeout is 30 s: docker stop -t 35.
#
# The image has what the programs need that it runs: Alpine's sh and its tools, nothing else. Perl and Python are not
# there; the demo says so. For your programs add a line to an image of your own:
#
#   FROM gatewayd
#   USER root
#   RUN apk add --no-cache perl python3 git git-daemon
#   USER gatewayd
#
# Only for routes with `user` leave out the last line: gatewayd must be root then, and the users be in the image's
# /etc/passwd, or numbers.

FROM golang:1.26-alpine AS build
WORKDIR /src
# The modules in a layer of their own: they are fetched again only when go.mod or go.sum change.
COPY go.mod go.sum ./
RUN go mod download
COPY cmd cmd
COPY gateway gateway
COPY static static
COPY examples examples
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w' -o /gatewayd ./cmd/gatewayd

FROM alpine:3.22
# A number as well as a name: Kubernetes' runAsNonRoot can only judge numbers.
RUN adduser -D -H -u 10001 -s /sbin/nologin gatewayd && mkdir -p /etc/gatewayd
COPY --from=build /gatewayd /usr/local/bin/gatewayd
USER 10001:10001
WORKDIR /etc/gatewayd
EXPOSE 8080
# A container is reached through all its addresses, so this replaces the listen of the config, whatever it is.
# Without a config it serves the demo. Where a lost config must not pass for a good start: docker run ... gatewayd run --listen :8080
ENTRYPOINT ["gatewayd"]
CMD ["--listen", ":8080"]
