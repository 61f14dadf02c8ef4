# Everything here runs from a clean clone on Debian 12, as root, with Go. What
# is lacking is installed with apt-get, and said so.

GO       ?= go
ARTIFACTS ?= artifacts
CACHE    ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/pkgverify
LINT     := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

# make demo: FAULT=name breaks the published tree (make faults lists them),
# REAL=1 publishes the real programs instead of the sample ones.
FAULT    ?=
REAL     ?=
HOSTARCH := $(shell $(GO) env GOARCH)
# One architecture beside this machine's own is installed on, emulated.
FOREIGN  := $(if $(filter arm64,$(HOSTARCH)),amd64,arm64)
# All that packages are published for and that Debian has.
comma := ,
FOREIGN_ALL := $(subst $() ,$(comma),$(strip $(filter-out $(HOSTARCH),amd64 arm64 arm ppc64le s390x)))
OUT      := build/demo
# What the profiles install on, unless other distributions are asked for.
DEFAULT_IMAGES := debian-12 rpm-dnf4
# Emulated, the first steps are enough for a demonstration.
DEMO_FILTER := !suite:install || (channel:stable && (arch:$(HOSTARCH) || check: containsAny {install-setup, install-list, install-latest, install-versions}))

ifeq ($(REAL),)
DEMO_ARCHES   := $(HOSTARCH) $(FOREIGN)
DEMO_CHANNELS := stable,dev,nightly
DEMO_PLAN     := --install-arch $(HOSTARCH),$(FOREIGN)
else
DEMO_ARCHES   := $(HOSTARCH)
DEMO_CHANNELS := stable
DEMO_PLAN     := --arch $(HOSTARCH)
endif

.PHONY: help
help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: ready ## Publish, serve on loopback, verify, install in containers, report
	@rm -rf $(OUT)/root
	@set -e; bin/verify images build $(DEFAULT_IMAGES) --arch $(subst $() ,$(comma),$(strip $(DEMO_ARCHES))) & images=$$!; \
	bin/publish demo --out $(OUT) --layout kep-1731 $(if $(REAL),--real) $(if $(FAULT),--fault $(FAULT)); \
	wait $$images
	bin/publish serve $(OUT)/root -- bin/verify --profile kep-1731 --base-url {url} --key $(OUT)/key.asc \
		--channel $(DEMO_CHANNELS) --minor 1.26 --versions "$$(cat $(OUT)/versions.txt)" $(DEMO_PLAN) \
		--official-binaries none --label-filter '$(DEMO_FILTER)' --artifacts $(ARTIFACTS)

.PHONY: faults
faults: build ## List the faults that make demo FAULT=name can make
	@bin/publish faults

# make mutation: FAULTS=a,b makes only these.
FAULTS ?=
.PHONY: mutation
mutation: deps ready ## Break a tree in every way of the catalogue: is each fault found, and nothing else?
	bin/publish mutation $(if $(FAULTS),--faults $(FAULTS)) -- bin/verify

.PHONY: build
build: ## Build bin/verify and bin/publish
	$(GO) build -trimpath -o bin/ ./cmd/verify ./cmd/publish

# Packages are installed while the programs are compiled: on a cold machine one
# waits for the network and the other for the processor.
.PHONY: ready
ready:
	@$(MAKE) --no-print-directory -j2 use build

.PHONY: use
use:
	@images/setup.sh use

.PHONY: deps
deps: ## Install what running and testing lack, start Docker, register the emulators
	@images/setup.sh

.PHONY: images
images: ready ## Make the container images that the tests and the demo use
	bin/verify images build $(DEFAULT_IMAGES) --arch $(HOSTARCH),$(FOREIGN)
	bin/verify images build rpm-dnf5 rpm-zypper --arch $(HOSTARCH)

.PHONY: images-all
images-all: ready ## Make every container image that can be made, foreign ones emulated (half an hour)
	bin/verify images build --arch $(HOSTARCH)
	bin/verify images build --arch $(FOREIGN_ALL)

# make matrix: ENGINES=docker runs it on one engine only.
ENGINES         ?= docker podman oci
MATRIX_NATIVE   := debian-11 debian-12 debian-13 rpm-dnf4 rpm-dnf5 rpm-zypper
MATRIX_FOREIGN  := debian-12
MATRIX          := build/matrix
.PHONY: matrix
matrix: deps ready ## Install on every image that can be made, on every engine, on five architectures (two hours)
	bin/verify images build $(MATRIX_NATIVE) --arch $(HOSTARCH)
	bin/verify images build $(MATRIX_FOREIGN) --arch $(FOREIGN_ALL)
	rm -rf $(MATRIX)
	bin/publish demo --out $(MATRIX) --layout kep-1731
	@set -e; worst=0; for engine in $(ENGINES); do \
		code=0; bin/publish serve $(MATRIX)/root -- bin/verify --profile kep-1731 --base-url {url} --key $(MATRIX)/key.asc \
			--channel stable,dev,nightly --minor 1.26 --versions "$$(cat $(MATRIX)/versions.txt)" --official-binaries none --timeout 3h \
			--engine $$engine --suite install --distro $(subst $() ,$(comma),$(MATRIX_NATIVE)) \
			--label-filter 'channel:stable && (arch:$(HOSTARCH) || distro: containsAny {$(subst $() ,$(comma) ,$(MATRIX_FOREIGN))})' \
			--artifacts $(ARTIFACTS)/$$engine || code=$$?; \
		echo "matrix: $$engine: exit $$code"; [ $$code -le $$worst ] || worst=$$code; \
	done; exit $$worst

# Tests of containers wait more than they work: more of them than processors.
# Ginkgo, which suites runs, refuses to be where -parallel is given.
.PHONY: test
test: deps images vet ## Run all tests, with real tools and containers
	$(GO) test ./suites
	$(GO) test -timeout 25m -parallel 4 $$($(GO) list ./... | grep -v '/suites$$')
	$(MAKE) --no-print-directory readers

# Modules of their own: 120 MB of downloads that nothing else needs.
.PHONY: readers
readers: ## Hold reports and configurations against TestGrid's and Prow's own readers
	cd reports/readers && $(GO) test -timeout 15m ./...
	cd cmd/verify/deploy/configtest && $(GO) test -timeout 15m ./...

.PHONY: vet
vet: ## gofmt, go vet and golangci-lint
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo 'run gofmt -w on these files' >&2; exit 1; }
	$(GO) vet ./...
	@for module in publish/sample/*/ reports/readers/ cmd/verify/deploy/configtest/; do echo "$(GO) vet $$module"; (cd "$$module" && $(GO) vet ./...) || exit 1; done
	$(GO) run $(LINT) run ./...

.PHONY: docs
docs: build ## Write the pages that are made from the program again
	bin/verify checks --markdown > cmd/verify/docs/checks.md
	bin/verify docs users > cmd/verify/docs/users.md

.PHONY: man
man: build ## Write the manual pages into build/man/man1
	bin/verify man build/man/man1
	bin/publish man build/man/man1

# make image: ARCHES=amd64,arm64,... and IMAGE=registry/name:tag for image-push.
# It needs no container engine. docker load -i build/image.tar takes it over.
ARCHES ?= amd64,arm64
IMAGE  ?=
.PHONY: image
image: ## Make the container image of verify, as an OCI layout and a tar file
	$(GO) run ./cmd/image --arch $(ARCHES) --out build/image $(if $(filter $(HOSTARCH),$(subst $(comma), ,$(ARCHES))),--archive build/image.tar)

.PHONY: image-push
image-push: ## Make the container image and push it to $(IMAGE)
	@test -n "$(IMAGE)" || { echo 'say where to: make image-push IMAGE=registry.example.org/releng/pkgverify:v1' >&2; exit 2; }
	$(GO) run ./cmd/image --arch $(ARCHES) --out build/image --push $(IMAGE)

.PHONY: race
race: deps images ## Run the tests with the race detector
	$(GO) test -race -timeout 60m ./...

# make bench: ROUNDS=n measures n times. The data (some 10 GB) is made once and
# kept in $PKGVERIFY_BENCH, else beside the other caches.
ROUNDS ?= 3
.PHONY: bench
bench: deps ready ## Measure, side by side with what a user would use instead
	@images/setup.sh bench
	$(GO) test -run '^$$' -bench . -benchtime $(ROUNDS)x -timeout 3h ./repo/crawl/sidebyside

.PHONY: clean
clean: ## Remove what was built here; the cache stays
	rm -rf bin build artifacts
