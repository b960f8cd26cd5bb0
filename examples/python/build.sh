#!/bin/sh
# Builds plugin.wasm: the modules here, together with the Python that runs them. --stub-wasi leaves out
# what Python would import of WASI, which no host grants.
set -eu
.venv/bin/componentize-py --wit-path wit --world password-plugin componentize app --stub-wasi --output plugin.wasm
