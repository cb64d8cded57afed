# shellcheck shell=bash
# The steps of deploy.sh, to be sourced.

make_image() {
  local tag
  [[ -z $image ]] || return 0
  tag=$(git -C "$root" rev-parse --short=12 HEAD)
  [[ -z $(git -C "$root" status --porcelain) ]] || printf 'What is not committed is not deployed.\n' >&2
  image=$region-docker.pkg.dev/$project/$name/kvs:$tag

  step 'The image of this commit, built by Cloud Build, kept in Artifact Registry; a tag never moves'
  make "$(gc artifacts repositories describe "$name" --location="$region")" \
    "$(gc artifacts repositories create "$name" --location="$region" --repository-format=docker --immutable-tags)"
  make "$(gc iam service-accounts describe "$builder")" \
    "$(gc iam service-accounts create "$name-builder" --display-name="Builds the image of $name")"
  grant "$(gc projects add-iam-policy-binding "$project" --member="serviceAccount:$builder" \
    --role=roles/cloudbuild.builds.builder --condition=None --format=none)"
  make "$(gc artifacts docker images describe "$image")" \
    "archive=\$(mktemp -d)/source.tgz &&
$(quote git -C "$root" archive --format=tar.gz) --output=\"\$archive\" $tag &&
$(gc builds submit --config="$here/cloudbuild.yaml" --suppress-logs \
      --service-account="projects/$project/serviceAccounts/$builder" --substitutions="_IMAGE=$image") \"\$archive\" &&
rm -r \"\${archive%/*}\""
}

# make_secret NAME: creates a secret that the service account may read
make_secret() {
  make "$(gc secrets describe "$1")" "$(gc secrets create "$1" --replication-policy=automatic)"
  grant "$(gc secrets add-iam-policy-binding "$1" --member="serviceAccount:$service_account" \
    --role=roles/secretmanager.secretAccessor --format=none)"
}

# fill_secret NAME FILE: adds a version to a secret if the file differs from the latest one
fill_secret() {
  make_secret "$1"
  unless "$(gc secrets versions access latest --secret="$1") 2>/dev/null | $(quote cmp -s - "$2")" \
    "$(gc secrets versions add "$1" --data-file="$2")"
}

make_secrets() {
  step 'The secrets; the service account can read these, and no others'
  make "$(gc iam service-accounts describe "$service_account")" \
    "$(gc iam service-accounts create "$name-service" --display-name="The VM of $name")"
  make_secret "$password_secret"
  make "$(gc secrets versions describe latest --secret="$password_secret")" \
    "od -An -N24 -tx1 /dev/urandom | tr -d ' \\n' | $(gc secrets versions add "$password_secret" --data-file=-)"
  fill_secret "$name-tokens" "$tokens_file"
  if [[ -n $tls_cert ]]; then
    fill_secret "$name-tls-cert" "$tls_cert"
    fill_secret "$name-tls-key" "$tls_key"
  fi
  if [[ $image == *-docker.pkg.dev/$project/$name/* ]]; then
    grant "$(gc artifacts repositories add-iam-policy-binding "$name" --location="$region" \
      --member="serviceAccount:$service_account" --role=roles/artifactregistry.reader --format=none)"
  fi
  if [[ $cloud_logging == true ]]; then
    grant "$(gc projects add-iam-policy-binding "$project" --member="serviceAccount:$service_account" \
      --role=roles/logging.logWriter --condition=None --format=none)"
  fi
}

make_address() {
  step 'The address, and the one port that is open on it'
  make "$(gc compute addresses describe "$name" --region="$region")" \
    "$(gc compute addresses create "$name" --region="$region")"
  run "address=\$($(gc compute addresses describe "$name" --region="$region" --format='value(address)'))"
  make "$(gc compute firewall-rules describe "$name")" \
    "$(gc compute firewall-rules create "$name" --network="$network" --direction=INGRESS --allow="tcp:$port" \
      --source-ranges="$source_ranges" --target-tags="$name")"
  match "$source_ranges tcp:$port" \
    "$(gc compute firewall-rules describe "$name" \
      --format='value[separator=" "](sourceRanges.list(),allowed[].map().firewall_rule().list())')" \
    "$(gc compute firewall-rules update "$name" --allow="tcp:$port" --source-ranges="$source_ranges")"
}

make_cloud_sql() {
  local networks="--authorized-networks=\"\$address/32\""
  [[ -n $cloud_sql ]] || return 0
  step 'Postgres as a service: only the VM may connect, and only with TLS'
  make "$(gc sql instances describe "$cloud_sql")" \
    "$(gc sql instances create "$cloud_sql" --region="$region" --database-version=POSTGRES_17 --edition=enterprise \
      --tier="$cloud_sql_tier" --storage-auto-increase --backup-start-time=03:00 --enable-point-in-time-recovery \
      --ssl-mode=ENCRYPTED_ONLY --server-ca-mode=GOOGLE_MANAGED_INTERNAL_CA) \\
  $networks"
  unless "[[ \$($(authorized_networks)) == \"\$address/32\" ]]" \
    "$(gc sql instances patch "$cloud_sql") \\
  $networks"
  make "$(gc sql databases describe kvs --instance="$cloud_sql")" "$(gc sql databases create kvs --instance="$cloud_sql")"
  # The password is passed by stdin as a file of flags, because all users of a machine can see command lines.
  make "$(gc sql users describe kvs --instance="$cloud_sql")" \
    "password=\$($(gc secrets versions access latest --secret="$password_secret")) &&
printf -- '--password: %s' \"\$password\" | $(gc sql users create kvs --instance="$cloud_sql" --flags-file=-)"
  grant "$(gc projects add-iam-policy-binding "$project") $(sql_viewer) --format=none"
}

# metadata: prints the metadata that the VM reads. It contains no secret.
metadata() {
  local tls=false
  [[ -z $tls_cert ]] || tls=true
  printf '%s,' enable-oslogin=TRUE enable-guest-attributes=TRUE "kvs-name=$name" "kvs-image=$image" \
    "kvs-publish=0.0.0.0:$port" "kvs-tls=$tls" "kvs-cloud-sql=${cloud_sql:-none}" "kvs-cloud-logging=$cloud_logging"
  printf 'kvs-release=%s' "$release"
}

metadata_files() {
  printf '%s,' "startup-script=$here/startup.sh" "kvs-compose=$root/docker-compose.yml" "kvs-compose-vm=$here/vm.yml"
  printf 'kvs-compose-cloud-sql=%s' "$here/cloud-sql.yml"
}

make_vm() {
  step 'The disk for the data; it stays when the VM goes'
  make "$(gc compute disks describe "$disk" --zone="$zone")" \
    "$(gc compute disks create "$disk" --zone="$zone" --type=pd-balanced --size="$disk_size")"

  release='' # a release is a hash of the metadata without the release itself
  release=$({ metadata && cat "$here/startup.sh" "$root/docker-compose.yml" "$here"/*.yml; } | git hash-object --stdin)
  step 'The VM; startup.sh does the rest on it, at each boot, and when what is below changes'
  make "$(gc compute instances describe "$name" --zone="$zone")" \
    "$(gc compute instances create "$name" --zone="$zone" --machine-type="$machine_type" \
      --image-project=debian-cloud --image-family=debian-13 --boot-disk-size=20GB \
      --disk="name=$disk,device-name=$disk,mode=rw,boot=no,auto-delete=no" \
      --network="$network" --address="$name" --tags="$name" \
      --service-account="$service_account" --scopes=cloud-platform \
      --shielded-secure-boot --shielded-vtpm --shielded-integrity-monitoring \
      --labels="release=$release" --metadata="$(metadata)" --metadata-from-file="$(metadata_files)")"
  match "$release" "$(gc compute instances describe "$name" --zone="$zone" --format='value(labels.release)')" \
    "$(gc compute instances add-metadata "$name" --zone="$zone" --metadata="$(metadata)" \
      --metadata-from-file="$(metadata_files)")
$(gc compute instances add-labels "$name" --zone="$zone" --labels="release=$release")"
}

# grant TEXT: adds a right. It changes nothing if the right exists.
grant() {
  retry "$1"
}

step 'The services of Google Cloud that this uses'
services=(compute secretmanager iam)
[[ -n $image ]] || services+=(artifactregistry cloudbuild)
[[ -z $cloud_sql ]] || services+=(sqladmin)
[[ $cloud_logging == false ]] || services+=(logging)
run "$(gc services enable "${services[@]/%/.googleapis.com}")"
make_image
make_secrets
make_address
make_cloud_sql
make_vm
