# shellcheck shell=bash
# What a file of tokens looks like, as far as it matters here: lines NAME:RIGHTS:TOKEN[:PREFIX,PREFIX…], where RIGHTS are
# read, write and admin with + between them, and a TOKEN may be written as its digest, sha256=…; # begins a comment.

# has_token FILE
has_token() {
  awk -F: '!/^[[:space:]]*(#|$)/ && NF >= 3 && $3 != "" { found = 1 } END { exit !found }' "$1"
}

# Of the first token that can be sent, and that may read and write
# shellcheck disable=SC2016 # $2 and $3 are awk's
readonly usable='/^[^#]/ && $2 ~ /read/ && $2 ~ /write/ && $3 !~ /^sha256=/'

# a_token FILE: the text of a command that prints it
a_token() {
  printf "awk -F: '%s { print \$3; exit }' %s" "$usable" "$(quoted "$1")"
}

# a_prefix FILE: what its keys must begin with; empty where it is for all keys
a_prefix() {
  awk -F: "$usable"' { split($4, prefixes, ","); print prefixes[1]; exit }' "$1"
}
