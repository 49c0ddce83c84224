#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Writes the generated documentation: write-doc.sh <program> <file>.
set -eu
"$1" > "$2.new"
mv "$2.new" "$2"
