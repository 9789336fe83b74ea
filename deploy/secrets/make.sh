#!/bin/sh
# Makes the secrets that compose.yaml mounts. Keeps those that exist.
set -eu
umask 077
cd "$(dirname "$0")"

random() { python3 -c 'import secrets; print(secrets.token_urlsafe(32))'; }
keep() { [ -s "$1" ] || printf '%s\n' "$2" > "$1"; }

for name in secret_key engine_api_key postgres_password redis_password flower_password; do
    keep "$name" "$(random)"
done
keep database_url "postgres://sightline:$(cat postgres_password)@postgres:5432/sightline"
keep redis_url "redis://:$(cat redis_password)@redis:6379/0"
# The containers run as another user than yours: the files are readable, the folder keeps others out.
chmod 0444 -- secret_key engine_api_key postgres_password redis_password flower_password database_url redis_url
chmod 0700 .
echo "secrets are in $(pwd)"
