#!/usr/bin/env bash
# Deploys the service on a VM of Google Cloud, with Postgres on its own disk, and opens one port to the addresses you
# name. A repeated run changes only what differs, and continues after a failure.
#
#   compose/gcp/deploy.sh --project=ID --zone=ZONE --source-ranges=CIDR,… --tokens-file=FILE [OPTION…]
#
#   --project=ID            the Google Cloud project
#   --zone=ZONE             where the VM and its disk are, for example europe-west3-c
#   --source-ranges=CIDR,…  the IPv4 addresses that may connect, for example 203.0.113.7/32
#   --open-to-the-world     allows ranges wider than /8, such as 0.0.0.0/0
#   --tokens-file=FILE      the access tokens; no port is opened without one
#   --tls-cert=FILE --tls-key=FILE
#                           PEM files of the certificate, with its chain, and of its key: HTTPS instead of HTTP
#   --port=PORT             the port (8080)
#   --name=NAME             name of all resources, or prefix of their names (kvs)
#   --network=NETWORK       the VPC network (default)
#   --machine-type=TYPE     of the VM (e2-small); used when the VM is created
#   --disk-size=SIZE        of the disk for the data (20GB); used when the disk is created
#   --cloud-sql=INSTANCE    Cloud SQL instance with Postgres, created if it does not exist; over verified TLS
#   --cloud-sql-tier=TIER   (db-custom-1-3840); used when the instance is created
#   --image=REF             an existing image; otherwise Cloud Build builds the commit that is checked out
#   --cloud-logging         sends the containers' logs to Cloud Logging
#   --timeout=SECONDS       how long to wait until the service is ready (900)
#   --dry-run               prints the commands as an equivalent script, and runs none
#
# docs/deploy.md explains what is created, what it costs, and how to update it. compose/gcp/destroy.sh undoes it.

# shellcheck source-path=SCRIPTDIR
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
arguments=("$@")
. "$here/lib/options.sh"
. "$here/lib/plan.sh"
. "$here/lib/tokens.sh"
. "$here/lib/resources.sh"

source_ranges='' open_to_the_world=false tokens_file='' tls_cert='' tls_key='' port=8080 network=default
machine_type=e2-small disk_size=20GB cloud_sql_tier=db-custom-1-3840 image='' cloud_logging=false timeout=900 address=''

check_options() {
  check_place
  if [[ ! $port =~ ^[1-9][0-9]{0,4}$ ]] || ((port > 65535 || port == 22)); then
    problem "--port $port: a number up to 65535, and not 22"
  fi
  [[ $timeout =~ ^[1-9][0-9]{0,4}$ ]] || problem "--timeout $timeout: a number of seconds"
  [[ $disk_size =~ ^[1-9][0-9]{0,4}(GB|TB)$ ]] || problem "--disk-size $disk_size: for example 20GB"
  check_ranges
  if [[ -z $tokens_file ]]; then
    problem "--tokens-file is needed: no port is opened without access tokens. To make one:
  (umask 077 && mkdir -p secrets && echo \"me:read+write:\$(openssl rand -hex 32)\" >>secrets/tokens)"
  elif [[ ! -r $tokens_file ]]; then
    problem "--tokens-file $tokens_file can't be read"
  elif ! has_token "$tokens_file"; then
    problem "--tokens-file $tokens_file has no line NAME:RIGHTS:TOKEN"
  fi
  [[ ${tls_cert:+given} == "${tls_key:+given}" ]] || problem '--tls-cert and --tls-key go together'
  [[ -z $tls_cert ]] || grep -qs 'BEGIN CERTIFICATE' "$tls_cert" || problem "--tls-cert $tls_cert is no PEM file of a certificate"
  [[ -z $tls_key ]] || grep -qs 'BEGIN .*PRIVATE KEY' "$tls_key" || problem "--tls-key $tls_key is no PEM file of a key"
  [[ -n $image ]] || git -C "$root" rev-parse --quiet --verify HEAD >/dev/null 2>&1 ||
    problem "--image is needed: $root is no git repository that could be built"
}

check_ranges() {
  local range ranges byte='(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])'
  if [[ -z $source_ranges ]]; then
    problem '--source-ranges is needed: the addresses that may connect, for example 203.0.113.7/32, which is one'
    return
  fi
  IFS=, read -r -a ranges <<<"$source_ranges"
  for range in "${ranges[@]}"; do
    if [[ $range == *:* ]]; then
      problem "--source-ranges $range: the VM has an IPv4 address alone"
    elif [[ ! $range =~ ^$byte(\.$byte){3}/(3[0-2]|[12]?[0-9])$ ]]; then
      problem "--source-ranges $range is no IPv4 range; one address is written 203.0.113.7/32"
    elif ((${range#*/} < 8)) && [[ $open_to_the_world == false ]]; then
      problem "--source-ranges $range is open to the world; if that is meant, say --open-to-the-world too"
    fi
  done
}

read_options project= zone= source-ranges= open-to-the-world tokens-file= tls-cert= tls-key= port= name= network= \
  machine-type= disk-size= cloud-sql= cloud-sql-tier= image= cloud-logging timeout= dry-run
check_options
report_problems
name_resources

[[ -n $tls_cert ]] || printf '%s\n' 'WARNING: this is plain HTTP: tokens and values travel in clear, for anyone on the way to read.' \
  '         Give --tls-cert and --tls-key, or put a proxy with TLS before it (docs/deploy.md).' >&2

begin
. "$here/lib/make.sh"
. "$here/lib/wait.sh"
