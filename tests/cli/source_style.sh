#!/usr/bin/env bash
# The source as scripts/checksrc wants it, and the libraries' symbols.
# shellcheck source=tests/cli/common.sh
. "$(dirname "$0")/common.sh"
! is_sanitized || skip "no code of ours runs"
"$root/scripts/checksrc" "$build"
