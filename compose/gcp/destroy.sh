#!/usr/bin/env bash
# Deletes what compose/gcp/deploy.sh created, and ignores what is gone already. The data stay unless --delete-data is
# given: the disk, the Cloud SQL instance, and the password that goes with them.
#
#   compose/gcp/destroy.sh --project=ID --zone=ZONE [OPTION…]
#
#   --project=ID --zone=ZONE --name=NAME
#                           as given to deploy.sh
#   --cloud-sql=INSTANCE    the Cloud SQL instance, if there is one: its authorized networks are cleared
#   --delete-data           deletes the data too, for ever
#   --dry-run               prints the commands as an equivalent script, and runs none

# shellcheck source-path=SCRIPTDIR
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
arguments=("$@")
. "$here/lib/options.sh"
. "$here/lib/plan.sh"
. "$here/lib/resources.sh"

delete_data=false

# revocation KIND NAME ACCOUNT ROLE [FLAG]: prints a command that revokes the role on that from the account if it has it
revocation() {
  local kind=$1 of=$2 member="serviceAccount:$3" role=$4
  shift 4
  where_printed "$(gc "$kind" get-iam-policy "$of" --flatten='bindings[].members' \
    --filter="bindings.role=$role AND bindings.members=$member" --format='value(bindings.role)')" \
    "$(gc "$kind" remove-iam-policy-binding "$of" --member="$member" --role="$role" --format=none "$@")"
}

read_options project= zone= name= cloud-sql= delete-data dry-run
check_place
report_problems
name_resources
begin

step 'The VM, its port and its address'
unmake "$(gc compute instances describe "$name" --zone="$zone")" "$(gc compute instances delete "$name" --zone="$zone")"
unmake "$(gc compute firewall-rules describe "$name")" "$(gc compute firewall-rules delete "$name")"
unmake "$(gc compute addresses describe "$name" --region="$region")" \
  "$(gc compute addresses delete "$name" --region="$region")"

step 'The rights of the service accounts, and these themselves'
for right in "$builder roles/cloudbuild.builds.builder" "$service_account roles/logging.logWriter" \
  "$service_account roles/cloudsql.viewer"; do
  run "$(revocation "projects" "$project" "${right% *}" "${right#* }" --all)"
done
unmake "$(gc secrets describe "$password_secret")" \
  "$(revocation secrets "$password_secret" "$service_account" roles/secretmanager.secretAccessor)"
for account in "$service_account" "$builder"; do
  unmake "$(gc iam service-accounts describe "$account")" "$(gc iam service-accounts delete "$account")"
done

step 'The secrets, and the images'
for secret in "$name-tokens" "$name-tls-cert" "$name-tls-key"; do
  unmake "$(gc secrets describe "$secret")" "$(gc secrets delete "$secret")"
done
unmake "$(gc artifacts repositories describe "$name" --location="$region")" \
  "$(gc artifacts repositories delete "$name" --location="$region")"

if [[ -n $cloud_sql && $delete_data == false ]]; then
  step 'The way to the Cloud SQL instance: the address may be given to somebody else'
  unmake "$(gc sql instances describe "$cloud_sql")" \
    "$(where_printed "$(authorized_networks)" "$(gc sql instances patch "$cloud_sql" --clear-authorized-networks)")"
fi
if [[ $delete_data == true ]]; then
  step 'The data'
  unmake "$(gc compute disks describe "$disk" --zone="$zone")" "$(gc compute disks delete "$disk" --zone="$zone")"
  [[ -z $cloud_sql ]] ||
    unmake "$(gc sql instances describe "$cloud_sql")" "$(gc sql instances delete "$cloud_sql")"
  unmake "$(gc secrets describe "$password_secret")" "$(gc secrets delete "$password_secret")"
else
  step "Kept, with the data: disk $disk, secret $password_secret${cloud_sql:+, Cloud SQL instance $cloud_sql}; --delete-data deletes them"
fi
