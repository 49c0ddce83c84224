#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The long form of all tests: more frames, more restarts, three rounds of Open vSwitch, the conformance scripts on
# the stock library too, ten minutes per fuzz target, the whole benchmark matrix.
exec "$(dirname "${BASH_SOURCE[0]}")/run.sh" --long "$@"
