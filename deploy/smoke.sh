#!/bin/sh
# Registers, refreshes, lists, signs out and refuses, through the proxy of a running `docker compose up`; then asks Prometheus
# whether it sees every replica.
set -eu

base=${BASE_URL:-http://localhost:8000}
prometheus=${PROMETHEUS_URL:-http://localhost:9090}
replicas=$((${APIS:-1} + ${WORKERS:-1}))
email="smoke-$$@example.com"
password="smoke test $$ not a secret"

fail() {
  echo "smoke: $1" >&2
  exit 1
}

# METHOD PATH EXPECTED-STATUS [curl arguments]: prints the body.
call() {
  method=$1 path=$2 expected=$3
  shift 3
  answer=$(curl --silent --show-error --max-time 10 --request "$method" --write-out '\n%{http_code}' \
    --header 'content-type: application/json' "$@" "$base$path")
  status=${answer##*
}
  [ "$status" = "$expected" ] || fail "$method $path answered $status instead of $expected: $(printf '%.300s' "$answer")"
  printf '%s' "${answer%
*}"
}

field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }

curl --silent --show-error --fail --output /dev/null --retry 60 --retry-delay 1 --retry-all-errors "$base/health/ready"

session=$(call POST /api/v1/auth/register 201 --data "{\"email\":\"$email\",\"password\":\"$password\"}")
refresh_token=$(printf '%s' "$session" | field refreshToken)
session=$(call POST /api/v1/auth/refresh 200 --data "{\"refreshToken\":\"$refresh_token\"}")
access_token=$(printf '%s' "$session" | field accessToken)
call GET /api/v1/auth/sessions 200 --header "authorization: Bearer $access_token" | grep -q '"isCurrent":true' \
  || fail 'the session is not in its own list'
call GET /.well-known/jwks.json 200 | grep -q '"kid"' || fail 'no signing key is published'
call GET /metrics 404 > /dev/null
call POST /api/v1/auth/logout 204 --header "authorization: Bearer $access_token" --data '{}'
call GET /api/v1/auth/me 401 --header "authorization: Bearer $access_token" | grep -q session_revoked \
  || fail 'the access token works after the logout'

[ "$prometheus" = none ] && exit 0
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
  up=$(curl --silent --max-time 5 --get --data-urlencode 'query=sum(up{job=~"auth-api|worker"})' "$prometheus/api/v1/query" \
    | sed -n 's/.*"value":\[[^,]*,"\([0-9]*\)"\].*/\1/p')
  [ "${up:-0}" = "$replicas" ] && exit 0
  sleep 2
done
fail "Prometheus sees ${up:-no} of $replicas replicas"
