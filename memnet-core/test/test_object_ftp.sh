#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Objects over FTP, whose data comes by a connection of its own: judged as the first is.

. "$(dirname "$0")/objects_help.sh"
command -v python3 >/dev/null || { echo "no python3 here, for the server"; exit 77; }

mkdir "$top/ftp"
python3 "$(dirname "$0")/ftp_server.py" "$top/ftp" >"$top/port" &
server=$!
others=$server
wait_for test -s "$top/port"
port=$(cat "$top/port")
url=ftp://127.0.0.1:$port
head -c 3000000 /dev/urandom >"$top/in"

start --size 32M --arena 12M --allow 127.0.0.1
works memnet put "$top/in" "$url/file"
cmp "$top/in" "$top/ftp/file" || fails "put"
memnet get "$url/file" | cmp - "$top/in" || fails "get"
refused 'No such file' memnet get "$url/none"
refused 'there is more than fits' memnet get --max 1M "$url/file"
others=''
end

others=$server
start --size 32M --arena 12M --allow "127.0.0.1:$port"
refused 'policy forbids' memnet get "$url/file"
refused 'policy forbids' memnet put "$top/in" "$url/other"
[ ! -e "$top/ftp/other" ] || fails "it arrived all the same"
grep -q '^memnetd: a: denied: connect tcp 127.0.0.1:' "$top/log" || fails "the data's connection"

finish "objects over FTP"
