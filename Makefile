# linewarden: "make test" passes on a fresh machine with Go and Debian's package manager.

GO     ?= go
BINARY ?= linewarden
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

.PHONY: build test tools lint unit bench demo clean

build: ## the one binary
	$(GO) build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o $(BINARY) ./daemon

test: tools lint unit ## everything a change must pass

tools: ## Debian packages that tests need: a SIP client of another make, a browser, systemd's checkers
	@missing=; \
	command -v sipp >/dev/null || missing="$$missing sip-tester"; \
	command -v chromium >/dev/null || missing="$$missing chromium"; \
	command -v systemd-analyze >/dev/null || missing="$$missing systemd"; \
	if [ -n "$$missing" ]; then \
		sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
		echo "installing$$missing"; \
		$$sudo apt-get update -q && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -q -y --no-install-recommends $$missing; \
	fi

lint:
	@bad=$$(gofmt -l . ); if [ -n "$$bad" ]; then echo "not gofmt-ed:"; echo "$$bad"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

unit:
	$(GO) test -race -shuffle=on -timeout 20m ./...

bench: ## figures, as ratios where machines differ
	$(GO) test -run '^$$' -bench . -benchmem ./...

demo: ## see it work
	$(GO) run ./daemon demo

clean:
	rm -rf $(BINARY) linewarden-data demo-*.wav
