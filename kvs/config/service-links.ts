import type { Environment } from './settings-table.ts'

/**
 * Variables that Kubernetes sets in each container for each Service of its namespace, and Docker for each legacy link
 * (https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables). For a Service called `kvs`:
 * KVS_SERVICE_HOST, KVS_SERVICE_PORT, KVS_SERVICE_PORT_HTTP, KVS_PORT=tcp://10.0.0.5:8080, KVS_PORT_8080_TCP=tcp://…,
 * KVS_PORT_8080_TCP_PROTO, …_PORT and …_ADDR.
 */
const shapes: readonly { readonly name: RegExp; readonly value: RegExp }[] = [
  { name: /._SERVICE_HOST$/, value: /^[\d.]+$|^[\da-f:]+$/i },
  { name: /._SERVICE_PORT(_\w+)?$/, value: /^\d+$/ },
  { name: /._PORT(_\d+_(TCP|UDP|SCTP))?$/, value: /^(tcp|udp|sctp):\/\/[\da-f.:[\]]+:\d+$/i },
  { name: /._PORT_\d+_(TCP|UDP|SCTP)_PROTO$/, value: /^(tcp|udp|sctp)$/i },
  { name: /._PORT_\d+_(TCP|UDP|SCTP)_PORT$/, value: /^\d+$/ },
  { name: /._PORT_\d+_(TCP|UDP|SCTP)_ADDR$/, value: /^[\d.]+$|^[\da-f:]+$/i },
]

/**
 * Removes these variables from the environment. None is meant as a setting, even if it has the name of one, such as
 * POSTGRES_PORT.
 * @returns the rest of the environment, and the names of the removed variables
 */
export function withoutServiceLinks(env: Environment): { env: Environment; links: readonly string[] } {
  const links = Object.keys(env).filter((name) => isServiceLink(name, env[name] ?? ''))
  if (links.length === 0) return { env, links }
  return { env: Object.fromEntries(Object.entries(env).filter(([name]) => !links.includes(name))), links }
}

/** Returns one warning about all of them; empty when there are none. */
export function warnOfServiceLinks(links: readonly string[], settingNames: readonly string[]): string[] {
  if (links.length === 0) return []
  const unset = links.filter((name) => settingNames.includes(name))
  return [
    `passed over, as Kubernetes sets them for its Services: ${links.join(', ')}` +
      (unset.length === 0 ? '' : `; ${unset.join(', ')} counts as not set`) +
      '; enableServiceLinks: false in the pod’s spec leaves them out',
  ]
}

function isServiceLink(name: string, value: string): boolean {
  return /^(KVS|POSTGRES|FORWARDING)_/.test(name) && shapes.some((one) => one.name.test(name) && one.value.test(value))
}
