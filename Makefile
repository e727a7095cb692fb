# What people type. `make demo` shows it, `make testing` lets you try it, `make deb` packs it, `make check` looks at an edit, `make test` checks everything, `make bench` measures,
# `make fuzz` feeds the parsers with changed messages for 30 s each.
CARGO ?= cargo

.PHONY: demo testing build package deb check test fuzz bench compare clean tools

build: tools
	$(CARGO) build --release --locked

# The program with its manual pages and completions in target/package, for those who make packages.
package: build
	@dist/package.sh target/release/sprat target/package

# A package for Debian and Ubuntu in target/debian.
deb: package
	@$(CARGO) deb --version >/dev/null 2>&1 || { echo "cargo-deb is needed: cargo install cargo-deb"; exit 1; }
	@$(CARGO) deb --locked --no-build --no-strip
	@if [ "$$(id -u)" = 0 ]; then dist/test-deb.sh target/debian/sprat_*.deb; \
	else echo "as root, dist/test-deb.sh installs it into an empty folder and purges it"; fi

# Without link-time optimization: that takes minutes and shows nothing more.
demo: tools
	@echo "== Building (some minutes the first time)"
	@$(CARGO) build --profile demo --locked
	@peers/demo.sh target/demo/sprat

# A rendezvous server and four people, to be started by hand.
testing: build
	@peers/testing.sh target/release/sprat

# After an edit: formatting, lints and the unit tests.
check: tools
	@$(CARGO) fmt --check
	@$(CARGO) clippy --locked --all-targets --quiet -- -D warnings
	@if $(CARGO) nextest --version >/dev/null 2>&1; \
	then $(CARGO) nextest run --locked --status-level fail --lib --test layering; \
	else $(CARGO) test --locked --quiet --lib --test layering; fi

test: tools
	@tests/run.sh

fuzz: tools
	@tests/fuzz.sh 30

bench: tools
	$(CARGO) bench --locked

# Every table beside the tools that are there; what needs root, or is not installed, is said and left out.
COMPARE = "pair.sh 1024" "pair.sh 3072 3" "small.sh" "small.sh 100000 1024 3" "fanout.sh" "reuse.sh" "index.sh" "newcomer.sh" "far.sh"
compare: build
	@for table in $(COMPARE); do echo; echo "== benches/compare/$$table"; \
	  benches/compare/$$table || echo "left out: $$table"; done

clean:
	$(CARGO) clean

# Says what is missing in words, instead of a compiler's.
tools:
	@command -v $(CARGO) >/dev/null || { echo "sprat needs Rust (cargo 1.89 or later): see https://rustup.rs"; exit 1; }
	@command -v cc >/dev/null || command -v gcc >/dev/null || command -v clang >/dev/null || { \
	  echo "sprat needs a C compiler: 'apt install gcc' on Debian and Ubuntu, 'dnf install gcc' on Fedora," \
	       "'xcode-select --install' on macOS"; exit 1; }
