#!/bin/sh
# Checks every deployment file with the tool that it is for. A tool that is not installed is named and skipped, unless
# REQUIRE_TOOLS=1 (CI), where it is a failure.
set -eu
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

check() { # NAME TOOL COMMAND...
  name=$1 tool=$2
  shift 2
  if ! command -v "$tool" > /dev/null 2>&1; then
    echo "skipped  $name ($tool is not installed)"
    [ "${REQUIRE_TOOLS:-0}" = 0 ] || failures=$((failures + 1))
  elif "$@" > "$work/output" 2>&1; then
    echo "ok       $name"
  else
    echo "FAILED   $name"
    sed 's/^/         /' "$work/output"
    failures=$((failures + 1))
  fi
}

compose() {
  if docker compose version > /dev/null 2>&1; then docker compose "$@"; else docker-compose "$@"; fi
}
compose_tool=docker-compose
if docker compose version > /dev/null 2>&1; then compose_tool=docker; fi

prometheus() {
  : > "$work/metrics_token"
  sed "s|/run/secrets/metrics_token|$work/metrics_token|" prometheus.yml > "$work/prometheus.yml"
  promtool check config "$work/prometheus.yml"
}

haproxy_tls() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost \
    -keyout "$work/key" -out "$work/certificate"
  cat "$work/key" >> "$work/certificate"
  TLS_CERTIFICATE="$work/certificate" haproxy -c -f deploy/haproxy/haproxy.cfg
}

# Redis has no dry run: start it on a socket of its own, with users made as an operator makes them, and see what they may do.
redis() {
  cp -r deploy "$work/deploy"
  sh "$work/deploy/make-secrets.sh"
  sed -e "s|^dir .*|dir $work|" -e "s|/run/secrets/|$work/secrets/|" deploy/redis/redis.conf > "$work/redis.conf"
  redis-server "$work/redis.conf" --port 0 --unixsocket "$work/redis.sock" > "$work/redis.log" &
  server=$!
  redis_users_work
  result=$?
  kill "$server"
  return "$result"
}

redis_users_work() {
  password=$(sed 's|^.*latchkey_api:\([^@]*\)@.*$|\1|' "$work/secrets/api_redis_url")
  as_api() { REDISCLI_AUTH=$password redis-cli -s "$work/redis.sock" --user latchkey_api "$@" 2>&1; }
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    [ -S "$work/redis.sock" ] && break
    sleep 0.2
  done
  as_api set lk:check 1 | grep -x OK \
    && as_api get elsewhere | grep NOPERM \
    && as_api config get dir | grep NOPERM \
    && redis-cli -s "$work/redis.sock" ping 2>&1 | grep NOAUTH
}

check docker-compose.yml "$compose_tool" compose -f docker-compose.yml config --quiet
check 'docker-compose.yml with the mail catcher' "$compose_tool" compose -f docker-compose.yml --profile development config --quiet
check deploy/compose.tls.yml "$compose_tool" compose -f docker-compose.yml -f deploy/compose.tls.yml config --quiet
check deploy/compose.federation.yml "$compose_tool" compose -f docker-compose.yml -f deploy/compose.federation.yml config --quiet
check deploy/compose.backup.yml "$compose_tool" compose -f docker-compose.yml -f deploy/compose.backup.yml --profile restore config --quiet
check prometheus.yml promtool prometheus
check deploy/haproxy/haproxy.cfg haproxy haproxy -c -f deploy/haproxy/haproxy.cfg
check 'deploy/haproxy/haproxy.cfg with TLS' haproxy haproxy_tls
check deploy/redis/redis.conf redis-server redis
check 'shell scripts' shellcheck shellcheck --exclude=SC2317 deploy/*.sh deploy/*/*.sh

exit "$((failures > 0))"
