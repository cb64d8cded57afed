# shellcheck shell=bash
# What a file of tokens looks like, as far as it matters here: lines NAME:RIGHTS:TOKEN[:PREFIX,PREFIX…], where RIGHTS are
# read, write and admin with + between them; # begins a comment.

# has_token FILE
has_token() {
  awk -F: '!/^[[:space:]]*(#|$)/ && NF >= 3 && $3 != "" { found = 1 } END { exit !found }' "$1"
}

# a_token FILE: the text of a command that prints the first token that may read and write
a_token() {
  printf "awk -F: '/^[^#]/ && \$2 ~ /read/ && \$2 ~ /write/ { print \$3; exit }' %s" "$(quoted "$1")"
}

# a_prefix FILE: what the keys of that token must begin with; empty where it is for all keys
a_prefix() {
  awk -F: '/^[^#]/ && $2 ~ /read/ && $2 ~ /write/ { split($4, prefixes, ","); print prefixes[1]; exit }' "$1"
}
