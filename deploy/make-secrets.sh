#!/bin/sh
# Makes what docker-compose.yml mounts as secrets: random passwords, the URLs that hold them, and Redis' users.
# What is there already is kept, so that running it twice changes nothing.
set -eu
cd "$(dirname "$0")/.."

# Only their owner may enter the folder. Inside a container each file is mounted by itself and read by another user, hence 444.
umask 022
mkdir -p secrets
chmod 700 secrets

random() { od -An -N"$1" -tx1 /dev/urandom | tr -d ' \n'; }

make() {
  if [ -e "secrets/$1" ]; then
    echo "kept    secrets/$1"
    return
  fi
  cat > "secrets/$1.new"
  chmod 444 "secrets/$1.new"
  mv "secrets/$1.new" "secrets/$1"
  echo "made    secrets/$1"
}

line() { printf '%s\n' "$1"; }
sha256() { printf %s "$1" | openssl dgst -sha256 -r | cut -d' ' -f1; }

command -v openssl > /dev/null || { echo 'make-secrets: openssl is needed: install it and run this again' >&2; exit 1; }

line "$(random 48)" | make auth_secret
line "$(random 24)" | make metrics_token
line "$(random 24)" | make postgres_password
line "postgres://latchkey_owner:$(random 24)@postgres:5432/latchkey" | make migrate_database_url
line "postgres://latchkey_api:$(random 24)@postgres:5432/latchkey" | make api_database_url
line "postgres://latchkey_worker:$(random 24)@postgres:5432/latchkey" | make worker_database_url
line "postgres://latchkey_backup:$(random 24)@postgres:5432/latchkey" | make backup_database_url
line "$(random 48)" | make backup_encryption_key

line "redis://latchkey_api:$(random 24)@redis:6379" | make api_redis_url
line "redis://latchkey_worker:$(random 24)@redis:6379" | make worker_redis_url

# Redis keeps only the hashes. Written anew each time, so that they fit the URLs.
user() {
  password=$(sed 's|^.*:\([^:@]*\)@.*$|\1|' "secrets/$2")
  line "user $1 on #$(sha256 "$password") ~lk:* &lk:* +@all -@admin -@dangerous +info +client|list"
}
rm -f secrets/redis_users
{
  line 'user default off'
  user latchkey_api api_redis_url
  user latchkey_worker worker_redis_url
} | make redis_users
