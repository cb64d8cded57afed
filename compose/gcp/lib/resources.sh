# shellcheck shell=bash
# The names of all that is made, to be sourced.

name_resources() {
  region=${zone%-*}
  disk=$name-data
  service_account=$name-service@$project.iam.gserviceaccount.com
  builder=$name-builder@$project.iam.gserviceaccount.com
  password_secret=$name-postgres-password
}

# authorized_networks: the text of a command that prints from where the Cloud SQL instance may be reached
authorized_networks() {
  gc sql instances describe "$cloud_sql" --format='value(settings.ipConfiguration.authorizedNetworks[].value.list())'
}

# sql_viewer: the words that let the service account see the Cloud SQL instance, and no other
sql_viewer() {
  quoted --member="serviceAccount:$service_account" --role=roles/cloudsql.viewer \
    --condition="title=$name,expression=resource.name == \"projects/$project/instances/$cloud_sql\" && resource.service == \"sqladmin.googleapis.com\""
}
