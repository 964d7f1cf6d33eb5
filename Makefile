# These targets call `cargo xtask`, which does the work.
# make run ARGS="…" passes arguments on to Keystead; make test ONLY=unit runs one part (crates, unit, doc, browser or speed).

.PHONY: run build test ci

run: compiler
	@cargo xtask run -- $(ARGS)

build: compiler
	@cargo xtask build

test: compiler
	@cargo xtask test $(ONLY)

ci:
	@bash .ci/run

# Nothing in Rust links without a C compiler, not even the build tool that installs the rest.
.PHONY: compiler
compiler:
	@command -v cc >/dev/null || { \
		echo "Installing a C compiler …"; \
		sudo=$$([ "$$(id -u)" = 0 ] || echo sudo); \
		$$sudo apt-get update -qq && \
		$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends build-essential; \
	}
