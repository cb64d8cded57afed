# shellcheck shell=bash
# Reads token files, to be sourced. A line is NAME:RIGHTS:TOKEN[:PREFIX,PREFIX…]. RIGHTS are read, write, clear
# and admin, joined by +. TOKEN may be its digest, sha256=…. # begins a comment.

# has_token FILE: whether the file has a token
has_token() {
  awk -F: '!/^[[:space:]]*(#|$)/ && NF >= 3 && $3 != "" { found = 1 } END { exit !found }' "$1"
}

# An awk condition: the token can be sent, because it is no digest, and may read and write.
# shellcheck disable=SC2016 # $2 and $3 are awk's
readonly usable='/^[^#]/ && $2 ~ /read/ && $2 ~ /write/ && $3 !~ /^sha256=/'

# a_token FILE: prints a command that prints the first such token
a_token() {
  printf "awk -F: '%s { print \$3; exit }' %s" "$usable" "$(quote "$1")"
}

# a_prefix FILE: prints the first prefix of that token's keys, or nothing if it reaches every key
a_prefix() {
  awk -F: "$usable"' { split($4, prefixes, ","); print prefixes[1]; exit }' "$1"
}
