.PHONY: build test bench bench-cgi bench-reload bench-go fuzz soak reload-soak clean

build: ## one static binary: ./gatewayd
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o gatewayd ./cmd/gatewayd

test: ## installs what the tests need and runs all of them
	bash scripts/test.sh

bench: ## FastCGI beside other servers (installs them); writes docs/benchmarks.md and its plot
	bash scripts/bench.sh fastcgi -report docs/benchmarks.md

bench-cgi: ## what a CGI request costs, beside other servers and a bare loop (installs them)
	bash scripts/bench.sh cgi

bench-reload: ## what requests fail, and wait, while configurations change, beside other servers (installs them); writes its section of docs/benchmarks.md
	bash scripts/bench.sh reload -report docs/benchmarks.md

bench-go: ## the hot paths
	go test -run '^$$' -bench . -benchmem ./gateway/...

fuzz: ## every fuzz target, FUZZTIME each (default 10m)
	bash scripts/fuzz.sh $(FUZZTIME)

soak: ## the long forms: 4 GiB bodies, 100,000 mixed requests, thousands of slow clients and of those that leave, overload, restarts of workers and of php-fpm
	GATEWAYD_SOAK=1 go test -count=1 -timeout 60m -run 'TestLarge|TestMixed|TestClientsLeave|TestSlowClients|TestOverload|TestEarlyAnswers|TestHalfBodies|TestKilled|TestWorkers|TestFPMRestarts|TestSwitchLive|Swap' -v ./cmd/gatewayd ./gateway/docroot

reload-soak: ## the long forms of the tests of reloads under load
	GATEWAYD_SOAK=1 go test -count=1 -timeout 30m -run '$(RELOAD_TESTS)' -v ./cmd/gatewayd

RELOAD_TESTS = TestThousandReloads|TestSwitchSaved|TestBrokenConfigs|TestWrittenByteByByte|TestListenersComeAndGo|TestReloadedLimits|TestWorkersStay|TestInFlight|TestRollingRestarts|TestUpgradeUnderLoad

clean:
	rm -f gatewayd
