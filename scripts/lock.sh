#!/bin/sh
# Resolve every dependency again and export hashed lists that name no registry.
set -eu
uv="${1:?path of uv}"
"$uv" lock --upgrade
for set in run test; do
  case $set in run) groups="--no-default-groups" ;; test) groups="--no-default-groups --group test --group lint" ;; esac
  # shellcheck disable=SC2086
  "$uv" export --quiet --frozen --no-emit-project $groups --no-header --no-annotate -o "requirements/$set.txt" >/dev/null
done
echo 'uv==0.13.9' | "$uv" pip compile --quiet --generate-hashes --no-header --no-annotate --no-emit-index-url - -o requirements/uv.txt >/dev/null
rm -f uv.lock
if grep -nE 'https?://|index-url|find-links' requirements/*.txt; then
  echo 'a registry address slipped into requirements/' >&2
  exit 1
fi
