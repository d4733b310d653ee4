.PHONY: build test bench bench-cgi fuzz soak clean

build: ## one static binary: ./gatewayd
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o gatewayd ./cmd/gatewayd

test: ## installs what the tests need and runs all of them
	bash scripts/test.sh

bench: ## the hot paths
	go test -run '^$$' -bench . -benchmem ./gateway/...

bench-cgi: ## what a CGI request costs, beside other servers and a bare loop (installs them)
	bash scripts/bench.sh

fuzz: ## every fuzz target, FUZZTIME each (default 10m)
	bash scripts/fuzz.sh $(FUZZTIME)

soak: ## the long forms: 4 GiB bodies, 100,000 mixed requests, thousands of slow clients and of those that leave, overload
	GATEWAYD_SOAK=1 go test -count=1 -timeout 60m -run 'TestLarge|TestMixed|TestClientsLeave|TestSlowClients|TestOverload|TestEarlyAnswers|TestHalfBodies|TestKilled|Swap' -v ./cmd/gatewayd ./gateway/docroot

clean:
	rm -f gatewayd
