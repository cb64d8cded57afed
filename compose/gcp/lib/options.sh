# shellcheck shell=bash
# The command line of deploy.sh and destroy.sh, to be sourced.

project=''
zone=''
name=kvs
cloud_sql=''
problems=()

problem() {
  problems+=("$1")
}

# report_problems: prints all problems and exits with 2; does nothing without any
report_problems() {
  ((${#problems[@]} == 0)) && return
  printf '%s: %s\n' "${0##*/}" "${problems[0]}" >&2
  ((${#problems[@]} == 1)) || printf "${0##*/}: %s\n" "${problems[@]:1}" >&2
  printf 'Try %s --help\n' "${0##*/}" >&2
  exit 2
}

# usage FILE: prints the comment at the file's head
usage() {
  sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$1"
}

# read_options OPTION…: reads the options of the command line. Each OPTION is the name of one, which ends in = if it
# takes a value. An option sets the variable of its name.
read_options() {
  local known=" $* " word flag
  set -- ${arguments[@]+"${arguments[@]}"}
  while (($# > 0)); do
    word=$1
    shift
    [[ $word == --help || $word == -h ]] && usage "$0" && exit 0
    flag=${word%%=*}
    flag=${flag#--}
    if [[ $word != --* ]]; then
      problem "what is ${word}? Every option begins with --"
    elif [[ $known == *" $flag= "* ]]; then
      if [[ $word != *=* ]]; then
        (($# > 0)) || { problem "--$flag needs a value" && break; }
        word="$word=$1"
        shift
      fi
      [[ -n ${word#*=} ]] || problem "--$flag needs a value"
      printf -v "${flag//-/_}" %s "${word#*=}"
    elif [[ $known == *" $flag "* && $word != *=* ]]; then
      printf -v "${flag//-/_}" %s true
    else
      problem "there is no option $word"
    fi
  done
}

check_place() {
  [[ -n $project ]] || problem '--project is needed: the id of the Google Cloud project'
  [[ -z $project || $project =~ ^[a-z][-a-z0-9]{4,28}[a-z0-9]$ ]] || problem "--project $project is no project id"
  [[ -n $zone ]] || problem '--zone is needed, for example europe-west3-c'
  [[ -z $zone || $zone =~ ^[a-z]+-[a-z]+[0-9]+-[a-z]$ ]] || problem "--zone $zone is no zone: they look like europe-west3-c"
  [[ $name =~ ^[a-z]([-a-z0-9]{0,18}[a-z0-9])?$ ]] ||
    problem "--name $name: 1 to 20 small letters, digits and hyphens, a letter first, no hyphen last"
  [[ -z $cloud_sql || $cloud_sql =~ ^[a-z]([-a-z0-9]{0,78}[a-z0-9])?$ ]] ||
    problem "--cloud-sql $cloud_sql: small letters, digits and hyphens, a letter first, no hyphen last"
}
