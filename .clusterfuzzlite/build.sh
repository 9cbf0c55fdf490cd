#!/bin/bash -eu
# One script for both.
exec "$SRC/ekmcheck/oss-fuzz/build.sh"
