#!/bin/bash -eu
# Builds every fuzz target for OSS-Fuzz and ClusterFuzzLite: $SRC/ekmcheck is the repository, $OUT is where targets, seeds,
# dictionaries and options go, $SANITIZER says how to build. fuzz/check-build runs it without any of their images.
cd "$SRC/ekmcheck"

case ${SANITIZER:-address} in
    # Their compiler wrapper adds what measures; an assertion that fails would only be a line that is not reached.
    coverage | introspector)
        export RUSTFLAGS="${RUSTFLAGS:-} -C debug-assertions=no"
        flags=() ;;
    none) flags=(-s none) ;;
    *) flags=(-s "${SANITIZER:-address}") ;;
esac
# -O -a: optimised, and an overflow is a finding and does not wrap.
cargo fuzz build -O -a "${flags[@]}"
built=$(ls -d fuzz/target/*/release | head -n 1)

for target in $(cargo fuzz list); do
    cp "$built/$target" "$OUT/"
    cp "fuzz/dictionaries/$target.dict" "$OUT/"
    # Regressions are seeds as well: what was wrong once is near what will be.
    regressions=(fuzz/regressions/"$target"/*)
    [ -e "${regressions[0]}" ] || regressions=()
    rm -f "$OUT/${target}_seed_corpus.zip"
    zip -q -j "$OUT/${target}_seed_corpus.zip" fuzz/corpus/"$target"/* "${regressions[@]}"
    {
        echo "[libfuzzer]"
        # No input may take long, or much memory: no reader here needs more than a few times what it reads.
        printf 'timeout = 10\nrss_limit_mb = 2048\nmalloc_limit_mb = 64\n'
        case $target in
            # An octet a choice: no longer input says more.
            cache | differential | fields | multiplex | proof_structured) printf 'max_len = 128\nlen_control = 0\n' ;;
            proof_bytes) echo "max_len = 20000" ;;
            *) echo "max_len = 8192" ;;
        esac
    } >"$OUT/$target.options"
done
