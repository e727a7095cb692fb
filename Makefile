# What people type. `make demo` shows it, `make testing` lets you try it, `make test` checks everything, `make bench` measures,
# `make fuzz` feeds the parsers with changed messages for 30 s each.
CARGO ?= cargo

.PHONY: demo testing build test fuzz bench compare clean tools

build: tools
	$(CARGO) build --release --locked

demo: tools
	@echo "== Building (some minutes the first time)"
	@$(CARGO) build --release --locked
	@peers/demo.sh target/release/sprat

# A rendezvous server and four people, to be started by hand.
testing: build
	@peers/testing.sh target/release/sprat

test: tools
	@tests/run.sh

fuzz: tools
	@tests/fuzz.sh 30

bench: tools
	$(CARGO) bench --locked

compare: build
	benches/compare/pair.sh
	benches/compare/index.sh

clean:
	$(CARGO) clean

# Says what is missing in words, instead of a compiler's.
tools:
	@command -v $(CARGO) >/dev/null || { echo "sprat needs Rust (cargo 1.89 or later): see https://rustup.rs"; exit 1; }
	@command -v cc >/dev/null || command -v gcc >/dev/null || command -v clang >/dev/null || { \
	  echo "sprat needs a C compiler: 'apt install gcc' on Debian and Ubuntu, 'dnf install gcc' on Fedora," \
	       "'xcode-select --install' on macOS"; exit 1; }
