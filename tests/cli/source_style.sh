#!/usr/bin/env bash
# The source as scripts/checksrc wants it, and the libraries' symbols.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
if is_sanitized; then
    "$root/scripts/checksrc"
else
    "$root/scripts/checksrc" "$build"
fi
