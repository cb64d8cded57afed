# shellcheck shell=bash
# The steps of deploy.sh and destroy.sh, to be sourced. A step is shell text: --dry-run prints it, and what is printed is a
# script that does the same; else it is run.
# Kept to bash 3.2, which is what macOS has.

dry_run=false

fail() {
  printf '%s: %s\n' "${0##*/}" "$1" >&2
  exit 1
}

begin() {
  if [[ $dry_run == true ]]; then
    printf '#!/usr/bin/env bash\n# What %s does. Nothing has been run.\nset -euo pipefail\n' "${0##*/}"
  elif ! command -v gcloud >/dev/null; then
    fail 'gcloud is needed: https://cloud.google.com/sdk/docs/install; Cloud Shell has it'
  fi
}

# step TEXT: what comes next, for whoever reads along
step() {
  if [[ $dry_run == true ]]; then printf '\n# %s\n' "$1"; else printf '%s\n' "$1" >&2; fi
}

# quoted WORD…: the words as a shell takes them; a long command has a line for each flag
quoted() {
  local word flag line='' lines=''
  for word; do
    flag=''
    [[ $word =~ ^(--[a-z-]+=)(.*)$ ]] && flag=${BASH_REMATCH[1]} && word=${BASH_REMATCH[2]}
    [[ $word =~ ^[A-Za-z0-9_@%+=:,./-]+$ ]] || word="'${word//\'/\'\\\'\'}'"
    line+=" $flag$word"
    if [[ $flag$word == --* ]]; then lines+=$' \\\n ' ; fi
    lines+=" $flag$word"
  done
  if ((${#line} > 100)); then line=$lines; fi
  printf '%s' "${line# }"
}

# gc WORD…: the text of a gcloud command in the project
gc() {
  quoted gcloud "$@" --project="$project" --quiet
}

# run TEXT
run() {
  if [[ $dry_run == true ]]; then printf '%s\n' "$1"; else eval "$1"; fi
}

# conditional CONDITION TEXT: prints both as one command of the shell
conditional() {
  printf 'if %s; then\n  %s\nfi\n' "$1" "${2//$'\n'/$'\n  '}"
}

# where_printed QUESTION TEXT: prints a command that runs TEXT where QUESTION prints something. A failed question ends the
# script, as it would not within a test.
where_printed() {
  # shellcheck disable=SC2016 # what is printed expands it
  printf 'found=$(%s)\n' "$1"
  # shellcheck disable=SC2016
  conditional '[[ -n $found ]]' "$2"
}

# there TEXT: whether what TEXT describes is there. An error that says anything else ends the script, so that a lost login
# is never taken for an empty project.
there() {
  local problem
  if problem=$(eval "$1" 2>&1 >/dev/null); then return 0; fi
  shopt -s nocasematch
  if [[ $problem =~ not[_\ ]found|not\ exist|not\ be\ found|error\ 404|no\ instance\ found && ! $problem =~ permission ]]; then
    shopt -u nocasematch
    return 1
  fi
  fail "$problem"
}

# make CHECK TEXT: runs TEXT unless what CHECK describes is there
make() {
  if [[ $dry_run == true ]]; then
    conditional "! $1 >/dev/null 2>&1" "$2"
  elif ! there "$1"; then
    patiently "$2"
  fi
}

# unmake CHECK TEXT: runs TEXT if what CHECK describes is there
unmake() {
  if [[ $dry_run == true ]]; then
    conditional "$1 >/dev/null 2>&1" "$2"
  elif there "$1"; then
    eval "$2"
  fi
}

# match WANTED CHECK TEXT: runs TEXT unless CHECK prints WANTED
match() {
  if [[ $dry_run == true ]]; then
    conditional "[[ \$($2) != $(quoted "$1") ]]" "$3"
  elif [[ $(eval "$2") != "$1" ]]; then
    eval "$3"
  fi
}

# unless CONDITION TEXT
unless() {
  run "$(conditional "! $1" "$2")"
}

# patiently TEXT: a new service account and its rights take up to a minute until all of Google Cloud knows them.
patiently() {
  local try problem
  if [[ $dry_run == true ]]; then
    printf '%s\n' "$1"
    return
  fi
  for try in 1 2 3 4 5 6 7; do
    if problem=$(eval "$1" 2>&1); then return; fi
    [[ $problem =~ does\ not\ exist|[Pp]ermission|PERMISSION_DENIED ]] || break
    [[ $try == 7 ]] || { printf '  not yet, trying again in 15 s\n' >&2 && sleep 15; }
  done
  fail "$problem"
}
