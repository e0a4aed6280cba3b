#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The candist authors
# SPDX-License-Identifier: Apache-2.0
#
# candist annotate --annotator openai against a server that candist's authors did not write: the LiteLLM proxy with mock
# replies. Skipped (77) without one:
#   python3 -m venv DIR && DIR/bin/pip install 'litellm[proxy]'      (750 MB)
#   CANDIST_LITELLM=DIR/bin/litellm bash litellm_test.sh CANDIST_PROGRAM
set -euo pipefail
[ $# -eq 1 ] || { echo "litellm_test: found $# arguments, expected the program candist" >&2; exit 2; }
candist=$(realpath "$1")

litellm=$(command -v "${CANDIST_LITELLM:-litellm}" || true)
if [ -z "$litellm" ]; then
  echo "litellm_test: SKIPPED: no program ${CANDIST_LITELLM:-litellm (PATH or CANDIST_LITELLM)}; pip install 'litellm[proxy]'"
  exit 77
fi
litellm=$(realpath -s "$litellm") # -s: a link in a virtual environment finds its packages by where it lies

work=$(mktemp -d)
cd "$work"
proxy=
finish() {
  local code=$?
  trap - EXIT
  [ "$code" -eq 0 ] || { echo "litellm_test: FAILED; the proxy's last words:" && tail -n 20 proxy.log; } >&2 || true
  stop_proxy
  rm -rf "$work"
  exit "$code"
}
stop_proxy() { # with whatever processes it started: it leads a group of its own
  [ -n "$proxy" ] || return 0
  kill -TERM -- "-$proxy" 2>/dev/null || true
  for _ in {1..50}; do
    kill -0 -- "-$proxy" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL -- "-$proxy" 2>/dev/null || true
  wait "$proxy" 2>/dev/null || true
  proxy=
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# ---- the proxy

cat >proxy.yaml <<'YAML'
model_list:
  - model_name: single
    litellm_params: {model: openai/single, api_key: none, mock_response: "fruit"}
  - model_name: several
    litellm_params: {model: openai/several, api_key: none, mock_response: "colour, fruit"}
  - model_name: json
    litellm_params: {model: openai/json, api_key: none, mock_response: "{\"labels\": [\"vehicle\", \"colour\"]}"}
  - model_name: useless
    litellm_params: {model: openai/useless, api_key: none, mock_response: "It is a kind of thing."}
  - model_name: short
    litellm_params: {model: openai/short, api_key: none, mock_response: "litellm.ContextWindowExceededError"}
general_settings:
  master_key: sk-sesame
YAML

# Nothing of the caller's: no keys, no database, no HTTP proxy; and nothing out of the network.
unset "${!LITELLM_@}" "${!OPENAI_@}" DATABASE_URL http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
export LITELLM_LOCAL_MODEL_COST_MAP=True LITELLM_MODE=PRODUCTION

is_listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
is_ready() {
  local line
  (
    exec 3<>"/dev/tcp/127.0.0.1/$port" || exit 1
    printf 'GET /health/readiness HTTP/1.0\r\n\r\n' >&3
    read -r -t 10 line <&3
    [[ $line == *" 200 "* ]]
  ) 2>/dev/null
}

port=$((20000 + RANDOM % 10000))
while is_listening "$port"; do port=$((port + 1)); done
set -m # a group of its own
"$litellm" --config proxy.yaml --host 127.0.0.1 --port "$port" --telemetry False >proxy.log 2>&1 </dev/null &
proxy=$!
set +m
deadline=$((SECONDS + 180)) # imports take half a minute on a busy machine
until is_ready; do
  kill -0 "$proxy" 2>/dev/null || { echo "litellm_test: the proxy ended before it was ready" >&2; exit 1; }
  [ "$SECONDS" -lt "$deadline" ] || { echo "litellm_test: the proxy is not ready after 180 s" >&2; exit 1; }
  sleep 0.5
done

# ---- candist

texts=50
for ((i = 0; i < texts; ++i)); do printf '{"id": "t%d", "text": "about thing number %d"}\n' $i $i; done >texts.jsonl
echo '[{"name": "fruit", "description": "what grows"}, {"name": "vehicle"}, {"name": "colour"}]' >labels.json
echo sk-sesame >key.txt
echo sk-wrong >wrong.txt

endpoint=http://127.0.0.1:$port/v1
key=key.txt
failures=0
fail() {
  echo "litellm_test: $*" >&2
  sed 's/^/  candist: /' err.txt >&2
  failures=$((failures + 1))
}
# annotate EXPECTED_CODE MODEL OPTIONS...: into MODEL.jsonl
annotate() {
  local expected=$1 model=$2 code=0
  shift 2
  timeout 60 "$candist" annotate --annotator openai --data texts.jsonl --labels labels.json --quiet \
    --endpoint "$endpoint" --api-key-file "$key" --model "$model" --out "$model.jsonl" "$@" \
    >out.txt 2>err.txt || code=$?
  [ "$code" -eq "$expected" ] || fail "model $model${*:+ $*}: exit code $code, expected $expected"
}
# expect_lines MODEL STATUS CANDIDATES: every text's line says so
expect_lines() {
  local found=0 all=0
  if [ -e "$1.jsonl" ]; then
    found=$(grep -cE "^\{\"id\":\"t[0-9]+\",\"candidates\":\[$3\],.*\"model\":\"$1\",.*\"status\":\"$2\"" "$1.jsonl") || true
    all=$(wc -l <"$1.jsonl")
  fi
  [ "$found $all" = "$texts $texts" ] ||
    fail "model $1: $found of $all lines of status $2 with candidates [$3], expected all of $texts"
}
expect_one_line() { # that holds the words; and no annotations
  [ "$(wc -l <err.txt) $(grep -c "$2" err.txt)" = "1 1" ] || fail "model $1: expected one line with \"$2\""
  [ ! -e "$1.jsonl" ] || fail "model $1: there is a file of annotations"
}

annotate 0 single
expect_lines single answered '"fruit"'
grep -q '"usage":{"prompt_tokens":[1-9]' single.jsonl || fail "model single: no usage in its lines"
annotate 0 several
expect_lines several answered '"colour","fruit"'
annotate 0 json --structured
expect_lines json answered '"vehicle","colour"'
annotate 0 useless
expect_lines useless unreadable ''
annotate 0 short --allow-failed --concurrency 64
expect_lines short failed ''

# Started again it asks nothing: the journal stays as it is, and the endpoint need not be there.
before=$(cksum single.jsonl.journal-*)
annotate 0 single
[ "$(cksum single.jsonl.journal-*)" = "$before" ] || fail "started again: the journal has changed"
rm -f single.jsonl
endpoint=http://127.0.0.1:1/v1 annotate 0 single
expect_lines single answered '"fruit"'
[ "$(cksum single.jsonl.journal-*)" = "$before" ] || fail "without an endpoint: the journal has changed"

annotate 2 unknown
expect_one_line unknown unknown

# No 401: without a database the proxy says that it has none, by status 400.
rm -f single.jsonl single.jsonl.journal-*
key=wrong.txt annotate 1 single
expect_one_line single 'status 4'
for file in *; do
  case $file in key.txt | wrong.txt | proxy.*) continue ;; esac
  ! grep -q 'sk-sesame\|sk-wrong' "$file" || fail "the key stands in $file"
done

[ "$failures" -eq 0 ] || exit 1
version=$("$litellm" --version 2>/dev/null | grep -oE '[0-9]+\.[0-9.]+' | tail -n 1) || true
echo "litellm_test: $texts texts a model through LiteLLM ${version:-of an unknown version}: all as expected"
