# shellcheck shell=bash
# The end of deploy.sh, to be sourced: waits for the service and prints how to use it.

scheme=http
[[ -z $tls_cert ]] || scheme=https
vm_state=$(gc compute instances get-guest-attributes "$name" --zone="$zone" --query-path=kvs/state --format='value(value)')

# is_reachable: whether the service is ready, asked from here. The certificate is not checked, as it need not name the
# address.
is_reachable() {
  curl --silent --output /dev/null --max-time 5 --insecure --fail "$scheme://$address:$port/readyz"
}

wait_for_service() {
  local end=$((SECONDS + timeout)) state=''
  step "Waiting for $scheme://$address:$port/readyz, up to $timeout s; a new VM takes about three minutes"
  while ((SECONDS < end)); do
    state=$(eval "$vm_state" 2>/dev/null) || state=''
    if [[ $state == "$release ready" ]]; then
      is_reachable && return
      ((SECONDS + 60 > end)) || end=$((SECONDS + 60)) # the service is ready, so only the network can be the reason
    fi
    sleep 5
  done
  case $state in
    "$release ready") fail "the VM says that the service is ready, but it is not reached from here: is this machine's address in --source-ranges?" ;;
    '') fail "the VM has not said anything. See what it does: $(gc compute instances get-serial-port-output "$name" --zone="$zone" | tr -d '\\\n')" ;;
    *) fail "the service is not ready; the VM said last: ${state#* }" ;;
  esac
}

how_to_use() {
  local url prefix
  prefix=$(a_prefix "$tokens_file")
  url="$scheme://\$address:$port/v1/${prefix}key-a"
  printf '%s\n' "address=${address:-…}" "token=\$($(a_token "$tokens_file"))" \
    "curl -i -X PUT -H \"Authorization: Bearer \$token\" -d 'Test Pair 1' $url" \
    "curl -H \"Authorization: Bearer \$token\" $url"
  [[ -z $tls_cert ]] || printf '# Set address to the name that the certificate is for.\n'
  printf '# To undo: compose/gcp/destroy.sh %s\n' "--project=$project --zone=$zone --name=$name${cloud_sql:+ --cloud-sql=$cloud_sql}"
}

if [[ $dry_run == true ]]; then
  step 'Then it waits for the service, and prints'
  how_to_use | sed 's/^/# /'
else
  wait_for_service
  how_to_use
fi
