.PHONY: build test bench fuzz soak clean

build: ## one static binary: ./gatewayd
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o gatewayd ./cmd/gatewayd

test: ## installs what the tests need and runs all of them
	bash scripts/test.sh

bench: ## the hot paths
	go test -run '^$$' -bench . -benchmem ./gateway/...

fuzz: ## every fuzz target, FUZZTIME each (default 10m)
	bash scripts/fuzz.sh $(FUZZTIME)

soak: ## the long forms: 4 GiB bodies, 10,000 mixed requests
	GATEWAYD_SOAK=1 go test -count=1 -timeout 60m -run 'TestLarge|TestMixed|Swap' -v ./cmd/gatewayd ./gateway/docroot

clean:
	rm -f gatewayd
