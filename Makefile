# Thin fronts of `cargo xtask`, which does the work.
# make run ARGS="…" passes arguments on to Keystead; make test ONLY=unit runs one part (unit, doc or browser).

.PHONY: run build test ci

run: compiler
	@cargo xtask run -- $(ARGS)

build: compiler
	@cargo xtask build

test: compiler
	@cargo xtask test $(ONLY)

ci:
	@bash .ci/run

# Nothing in Rust links without a C compiler, not even the build tool.
.PHONY: compiler
compiler:
	@command -v cc >/dev/null || { echo "A C compiler is missing: apt-get install build-essential"; exit 1; }
