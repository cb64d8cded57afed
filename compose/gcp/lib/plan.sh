# shellcheck shell=bash
# Functions for the steps of deploy.sh and destroy.sh, to be sourced. A step is shell text that is run, or printed with
# --dry-run: the printed text is an equivalent script. This file must work with bash 3.2, the version of macOS.

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

# step TEXT: prints a heading for the next step
step() {
  if [[ $dry_run == true ]]; then printf '\n# %s\n' "$1"; else printf '%s\n' "$1" >&2; fi
}

# quote WORD…: prints the words quoted for a shell. A long command gets a line for each flag.
quote() {
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

# gc WORD…: prints a gcloud command for the project
gc() {
  quote gcloud "$@" --project="$project" --quiet
}

# run TEXT: runs the text, or prints it with --dry-run
run() {
  if [[ $dry_run == true ]]; then printf '%s\n' "$1"; else eval "$1"; fi
}

# conditional CONDITION TEXT: prints an `if` command
conditional() {
  printf 'if %s; then\n  %s\nfi\n' "$1" "${2//$'\n'/$'\n  '}"
}

# where_printed QUERY TEXT: prints a command that runs TEXT if QUERY prints something. QUERY is assigned first: inside a
# test, its failure would not end the script.
where_printed() {
  # shellcheck disable=SC2016 # the printed script expands it
  printf 'found=$(%s)\n' "$1"
  # shellcheck disable=SC2016
  conditional '[[ -n $found ]]' "$2"
}

# exists TEXT: whether the resource that TEXT describes exists. Any error but "not found" ends the script, so that an
# expired login is not taken for an empty project.
exists() {
  local problem
  if problem=$(eval "$1" 2>&1 >/dev/null); then return 0; fi
  shopt -s nocasematch
  if [[ $problem =~ not[_\ ]found|not\ exist|not\ be\ found|error\ 404|no\ instance\ found && ! $problem =~ permission ]]; then
    shopt -u nocasematch
    return 1
  fi
  fail "$problem"
}

# make CHECK TEXT: runs TEXT unless the resource that CHECK describes exists
make() {
  if [[ $dry_run == true ]]; then
    conditional "! $1 >/dev/null 2>&1" "$2"
  elif ! exists "$1"; then
    retry "$2"
  fi
}

# unmake CHECK TEXT: runs TEXT if the resource that CHECK describes exists
unmake() {
  if [[ $dry_run == true ]]; then
    conditional "$1 >/dev/null 2>&1" "$2"
  elif exists "$1"; then
    eval "$2"
  fi
}

# match WANTED CHECK TEXT: runs TEXT unless CHECK prints WANTED
match() {
  if [[ $dry_run == true ]]; then
    conditional "[[ \$($2) != $(quote "$1") ]]" "$3"
  elif [[ $(eval "$2") != "$1" ]]; then
    eval "$3"
  fi
}

# unless CONDITION TEXT: runs TEXT if CONDITION fails
unless() {
  run "$(conditional "! $1" "$2")"
}

# retry TEXT: runs TEXT, up to seven times if a right is missing. A new service account and its rights take up to a
# minute to reach all of Google Cloud.
retry() {
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
