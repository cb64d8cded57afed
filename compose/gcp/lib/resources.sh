# shellcheck shell=bash
# The names of all resources, to be sourced.

name_resources() {
  region=${zone%-*}
  disk=$name-data
  service_account=$name-service@$project.iam.gserviceaccount.com
  builder=$name-builder@$project.iam.gserviceaccount.com
  password_secret=$name-postgres-password
}

# authorized_networks: prints a command that prints the networks that may connect to the Cloud SQL instance
authorized_networks() {
  gc sql instances describe "$cloud_sql" --format='value(settings.ipConfiguration.authorizedNetworks[].value.list())'
}

# sql_viewer: prints the flags that let the service account view this Cloud SQL instance, and no other
sql_viewer() {
  quote --member="serviceAccount:$service_account" --role=roles/cloudsql.viewer \
    --condition="title=$name,expression=resource.name == \"projects/$project/instances/$cloud_sql\" && resource.service == \"sqladmin.googleapis.com\""
}
