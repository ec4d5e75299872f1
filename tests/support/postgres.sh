#!/bin/sh
# A PostgreSQL of its own, in a folder of its own under /tmp, for as long as standard input is open.
#
#   tests/support/postgres.sh      prints two lines once the server answers:
#                                      host=/tmp/eddy-postgres-xxxxxx port=23456 user=postgres ...
#                                      host=127.0.0.1 port=23456 user=postgres ...
#
# Each line on standard input is an order, answered by "done": stop (at once, as a crash), start.
# Whoever starts it keeps the other end of the pipe: when that program is gone, however it ended, so
# is the server, and its folder. Nothing is written for good (fsync is off), everybody is trusted.
set -eu
for bin in /usr/lib/postgresql/*/bin "$(pg_config --bindir 2>/dev/null || true)"; do
  [ -x "$bin/initdb" ] && break
done
[ -x "$bin/initdb" ] || { echo "there is no PostgreSQL here: install postgresql" >&2; exit 1; }

folder="$(mktemp -d /tmp/eddy-postgres-XXXXXX)"
server=""
end() {
  # A test may have stopped it, and died.
  [ -z "$server" ] || { kill -QUIT "$server" && kill -CONT "$server" && wait "$server"; } \
    2>/dev/null || true
  server=""
}
trap 'end; rm -rf "$folder"' EXIT
trap 'exit 1' INT TERM HUP

# PostgreSQL refuses to run as root.
as="setpriv"
if [ "$(id -u)" = 0 ]; then
  user="$(id -un postgres 2>/dev/null || echo nobody)"
  chown "$user" "$folder"
  as="setpriv --reuid=$user --regid=$(id -gn "$user") --clear-groups"
fi
export LC_ALL=C.UTF-8 TZ=UTC
cd "$folder"

$as "$bin/initdb" -D "$folder/data" -U postgres -A trust -E UTF8 --no-sync >"$folder/log" 2>&1 ||
  { cat "$folder/log" >&2; exit 1; }

start() {
  $as --pdeathsig QUIT "$bin/postgres" -D "$folder/data" -F -p "$port" -k "$folder" -h 127.0.0.1 \
    -c max_connections=60 -c shared_buffers=16MB -c synchronous_commit=off -c full_page_writes=off \
    -c autovacuum=off -c jit=off -c max_prepared_transactions=2 -c timezone=UTC \
    >>"$folder/log" 2>&1 </dev/null &
  server=$!
  while ! "$bin/pg_isready" -q -h "$folder" -p "$port"; do
    kill -0 "$server" 2>/dev/null || { server=""; return 1; }
    sleep 0.02
  done
}

# Outside of the range that connections get theirs from; another program may take it meanwhile.
for _ in 1 2 3 4 5; do
  port="$(shuf -i 20000-29999 -n 1)"
  start && break
done
[ -n "$server" ] || { cat "$folder/log" >&2; exit 1; }

echo "host=$folder port=$port user=postgres dbname=postgres"
echo "host=127.0.0.1 port=$port user=postgres dbname=postgres"
while read -r order; do
  case "$order" in
    stop) end ;;
    start) start || { cat "$folder/log" >&2; exit 1; } ;;
  esac
  echo done
done
