# What the scripts of this directory share: to be sourced within it.

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
skipped=() wrong=0 played=0

if [[ -z ${EKMCHECK:-} ]]; then
    cargo build --quiet --release --locked --manifest-path ../Cargo.toml -p ekmcheck
    EKMCHECK=${CARGO_TARGET_DIR:-../target}/release/ekmcheck
fi
"$EKMCHECK" init resource-server --dir "$work/bundle" >"$work/init" || { cat "$work/init" >&2; exit 2; }

# ---- each peer: says in `command` how it is started, or in `why` what is missing

prepare_node-server() {
    command -v node >/dev/null || { why="node: not installed"; return 1; }
    command -v npm >/dev/null || { why="npm: not installed"; return 1; }
    (($(node -p 'process.versions.node.split(".")[0]') >= 20)) || { why="node $(node --version): 20 or newer is needed"; return 1; }
    npm ci --silent --no-audit --no-fund --ignore-scripts --prefix node-server >"$work/npm" 2>&1 || { cat "$work/npm" >&2; exit 2; }
    command=(node node-server/server.mjs)
}

prepare_go-server() {
    local go candidate version
    # Debian has newer ones beside the one on the path.
    for candidate in ${GO:-} go $(compgen -G '/usr/lib/go-1.*/bin/go' | sort -rV) /usr/local/go/bin/go; do
        version=$(GOTOOLCHAIN=local "$candidate" env GOVERSION 2>/dev/null) || continue
        [[ $version =~ ^go1\.([0-9]+) ]] && ((BASH_REMATCH[1] >= 22)) && { go=$candidate; break; }
    done
    [[ -n ${go:-} ]] || { why="go: none of 1.22 or newer (TLS 1.2 with the extended master secret needs it); GO=… names one"; return 1; }
    (cd go-server && GOTOOLCHAIN=local GOFLAGS=-mod=readonly "$go" build -o go-server .) || exit 2
    command=(./go-server/go-server)
}

# ---- playing

# start ARGUMENT...: the peer, whose address is then in `url`. It ends when its standard input does.
start() {
    coproc PEER { exec "${command[@]}" --bundle "$work/bundle" "$@" 2>"$work/stderr"; }
    pid=$PEER_PID
    local line=
    read -r -t 20 -u "${PEER[0]}" line || true
    [[ $line == "ready "* ]] || { echo "${command[*]} $* did not start: $line" >&2; cat "$work/stderr" >&2; exit 2; }
    url=${line#ready }
    exec {stdin}>&"${PEER[1]}"
    eval "exec ${PEER[1]}>&-"
}

stop() {
    exec {stdin}>&-
    wait "$pid" || true
}

# play OPTION...: the suite on `url`; its exit status is in `status`.
play() {
    status=0
    rm -rf "$work/report"
    "$EKMCHECK" run --subject "$url" --bundle "$work/bundle" --scopes --report "$work/report" "$@" >"$work/out" 2>&1 || status=$?
}
