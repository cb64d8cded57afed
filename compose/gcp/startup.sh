#!/usr/bin/env bash
# The startup script of the VM that deploy.sh creates. It brings the VM to the state that the metadata and secrets
# describe: at each boot, when the metadata change, and within five minutes of a secret's new version.
# By hand: systemctl restart kvs-watch runs it, and journalctl -u kvs-watch shows what it does.
set -euo pipefail

readonly state=/var/lib/kvs data=/mnt/disks/kvs
readonly watcher=$state/startup.sh
# User id that the image runs as
readonly service_user=1000

fail() {
  printf 'kvs: %s\n' "$1" >&2
  exit 1
}

# metadata PATH [curl option…]: prints metadata of the VM. The server answers only the VM, and only with this header.
metadata() {
  local path=$1
  shift
  curl --silent --show-error --fail --retry 5 --retry-connrefused --header 'Metadata-Flavor: Google' "$@" \
    "http://metadata.google.internal/computeMetadata/v1/$path"
}

attribute() {
  metadata "instance/attributes/kvs-$1"
}

access_token() {
  metadata instance/service-accounts/default/token | jq --raw-output .access_token
}

# google_api URL: sends a GET as the VM's service account. The token is passed by a file descriptor, because all users
# can see arguments.
google_api() {
  curl --silent --show-error --fail --retry 3 --header @<(printf 'Authorization: Bearer %s' "$(access_token)") "$1"
}

# report_state TEXT: publishes the state for deploy.sh, with the release that it is about: a newer one may be requested
# already
report_state() {
  metadata instance/guest-attributes/kvs/state --request PUT --data "$release $1" >/dev/null
}

install_packages() {
  if ! docker compose version >/dev/null 2>&1 || ! command -v jq >/dev/null; then
    apt-get update --quiet=2 -o DPkg::Lock::Timeout=300
    DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes -o DPkg::Lock::Timeout=300 --no-install-recommends \
      docker.io docker-cli docker-compose iptables jq curl ca-certificates e2fsprogs >/dev/null
  fi
  systemctl enable --quiet --now docker
}

# mount_data: mounts the data disk. It makes a file system only on a blank disk.
mount_data() {
  local device is_blank=0
  device=/dev/disk/by-id/google-$(attribute name)-data
  if ! mountpoint --quiet "$data"; then
    [[ -b $device ]] || fail "there is no disk $device"
    cmp --silent --bytes=1048576 "$device" /dev/zero || is_blank=$?
    case $is_blank in
      0) mkfs.ext4 -q -m 0 -L kvs-data "$device" ;;
      1) e2fsck -p "$device" || (($? == 1)) || fail "the file system on $device needs e2fsck by hand" ;;
      *) fail "$device can't be read" ;;
    esac
    mkdir -p "$data"
    mount -o nodev,nosuid,noexec "$device" "$data"
  fi
  resize2fs "$device" >/dev/null 2>&1 # uses the space by which the disk was enlarged
  install -d -m 700 -o "$service_user" -g "$service_user" "$data/kvs"
  mkdir -p "$data/postgres"
}

# put_file FILE MODE [OWNER]: writes stdin to the file atomically, and logs a line if the content changed
put_file() {
  install -m 600 /dev/null "$1.new"
  cat >"$1.new"
  chown "${3:-root}" "$1.new"
  chmod "$2" "$1.new"
  if cmp --silent "$1.new" "$1"; then
    rm "$1.new"
  else
    mv "$1.new" "$1"
    printf 'kvs: %s is new\n' "$1" >&2
  fi
}

secret() {
  google_api "https://secretmanager.googleapis.com/v1/projects/$project/secrets/$name-$1/versions/latest:access" |
    jq --raw-output .payload.data | base64 --decode
}

# write_secrets: writes the secrets to the files that vm.yml names
write_secrets() {
  local own=$state/secrets/kvs password tokens tls
  install -d -m 700 "$state/secrets" "$state/secrets/postgres"
  install -d -m 500 -o "$service_user" -g "$service_user" "$own"
  password=$(secret postgres-password)
  tokens=$(secret tokens)
  [[ -n $password && -n $tokens ]] || fail 'a secret is empty'
  printf %s "$password" | put_file "$own/postgres-password" 400 "$service_user"
  printf '%s\n' "$tokens" | put_file "$own/tokens" 400 "$service_user"
  # Readable by all, because the image chooses the user in the container. The directory keeps other users of the VM out.
  printf %s "$password" | put_file "$state/secrets/postgres/password" 444
  tls=$(attribute tls)
  if [[ $tls == true ]]; then
    secret tls-cert >"$state/secrets/cert"
    secret tls-key >"$state/secrets/key"
    put_file "$own/tls.crt" 400 "$service_user" <"$state/secrets/cert"
    put_file "$own/tls.key" 400 "$service_user" <"$state/secrets/key"
    rm "$state/secrets/cert" "$state/secrets/key"
  else
    rm -f "$own/tls.crt" "$own/tls.key"
  fi
}

# cloud_sql_settings INSTANCE: prints the settings for its address, and writes its CAs to a file, including the next one
cloud_sql_settings() {
  local instance="https://sqladmin.googleapis.com/v1/projects/$project/instances/$1" address
  address=$(google_api "$instance" | jq --raw-output 'first(.ipAddresses[] | select(.type == "PRIMARY")).ipAddress')
  google_api "$instance/listServerCas" | jq --raw-output '.certs[].cert' | put_file "$state/secrets/kvs/server-ca.pem" 400 "$service_user"
  printf 'POSTGRES_HOST=%s\nPOSTGRES_SSLMODE=verify-ca\nPOSTGRES_SSLROOTCERT=/run/kvs/server-ca.pem\n' "$address"
}

# settings: prints the content of .env. Attributes are assigned before they are tested: inside a test, a failed command
# would not end the script, and the service would come up without TLS.
settings() {
  local files=docker-compose.yml:vm.yml cloud_sql tls cloud_logging publish
  cloud_sql=$(attribute cloud-sql)
  tls=$(attribute tls)
  cloud_logging=$(attribute cloud-logging)
  publish=$(attribute publish)
  if [[ $cloud_sql != none ]]; then
    files+=:cloud-sql.yml
    cloud_sql_settings "$cloud_sql"
  fi
  if [[ $tls == true ]]; then
    printf 'KVS_TLS_CERT=/run/kvs/tls.crt\nKVS_TLS_KEY=/run/kvs/tls.key\n'
  fi
  if [[ $cloud_logging == true ]]; then printf 'LOG_DRIVER=gcplogs\n'; else printf 'LOG_DRIVER=local\n'; fi
  printf '%s\n' COMPOSE_PROJECT_NAME=kvs "COMPOSE_FILE=$files" "KVS_IMAGE=$image" "PUBLISH=$publish" \
    LOG_FORMAT=json LOG_LEVEL=info
}

pull_image() {
  local registry=${image%%/*}
  docker image inspect "$image" >/dev/null 2>&1 && return
  if [[ $registry == *-docker.pkg.dev ]]; then
    DOCKER_CONFIG=$(mktemp -d)
    export DOCKER_CONFIG
    access_token | docker login --username oauth2accesstoken --password-stdin "https://$registry" >/dev/null
  fi
  docker pull --quiet "$image"
  [[ -z ${DOCKER_CONFIG:-} ]] || { rm -r "$DOCKER_CONFIG" && unset DOCKER_CONFIG; }
}

# Blocks the metadata server for containers: whoever reaches it can act as the VM.
hide_metadata() {
  local rule=(DOCKER-USER --protocol tcp --destination 169.254.169.254 --jump REJECT)
  iptables --check "${rule[@]}" 2>/dev/null || iptables --insert "${rule[@]}"
}

bring_up() {
  local before after
  install -d -m 700 "$state"
  write_secrets
  attribute compose | put_file docker-compose.yml 600
  attribute compose-vm | put_file vm.yml 600
  attribute compose-cloud-sql | put_file cloud-sql.yml 600
  settings >.env.next
  put_file .env 600 <.env.next
  pull_image
  before=$(docker compose ps --quiet kvs)
  docker compose up --detach --remove-orphans --wait --wait-timeout 600 --quiet-pull
  # A service that was not restarted must reload its tokens and certificates.
  after=$(docker compose ps --quiet kvs)
  if [[ $before == "$after" && $secrets != "$(cksum secrets/kvs/*)" ]]; then
    docker compose kill --signal HUP kvs
  fi
  docker image prune --all --force >/dev/null
}

apply() {
  local release project name image secrets
  release=$(attribute release)
  report_state 'installing packages'
  install_packages
  report_state 'preparing the disk'
  mount_data
  hide_metadata
  report_state 'starting the service'
  project=$(metadata project/project-id)
  name=$(attribute name)
  image=$(attribute image)
  cd "$state"
  secrets=$(cksum secrets/kvs/* 2>/dev/null || true)
  bring_up
  report_state ready
}

# Replaces the script atomically: a running bash would continue in a file that is written in place.
fetch_script() {
  metadata instance/attributes/startup-script >"$watcher.new" && mv "$watcher.new" "$watcher"
}

# watch: applies changes for ever, each with the newest version of this script in a new process
watch() {
  local attributes='instance/attributes/?recursive=true' etag release problem
  while true; do
    # Read before the work, so that a change during the work ends the wait at once.
    etag=$(metadata "$attributes" --output /dev/null --write-out '%header{etag}' || true)
    release=$(attribute release || true)
    fetch_script || true
    if problem=$(bash "$watcher" apply 2>&1 | tee >(cat >&2)); then
      metadata "$attributes&wait_for_change=true&timeout_sec=300&last_etag=$etag" >/dev/null || sleep 10
    else
      report_state "${problem##*$'\n'}" || true
      sleep 10
    fi
  done
}

install_watcher() {
  install -d -m 700 "$state"
  fetch_script
  cat >/etc/systemd/system/kvs-watch.service <<UNIT
[Unit]
Description=Brings the VM to what its metadata and secrets say
Wants=network-online.target
After=network-online.target

[Service]
ExecStart=/bin/bash $watcher watch
Restart=always
RestartSec=10
StandardOutput=journal+console
StandardError=inherit

[Install]
WantedBy=multi-user.target
UNIT
  systemctl daemon-reload
  systemctl enable --quiet --now kvs-watch
}

case ${1:-boot} in
  boot) install_watcher ;;
  apply) apply ;;
  watch) watch ;;
esac
