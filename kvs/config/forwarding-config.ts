import { settings } from './all-settings.ts'
import { accessSettings } from './settings/access-settings.ts'
import { forwarderSettings, forwardingSettings } from './settings/forwarding-settings.ts'
import { httpSettings } from './settings/http-settings.ts'
import { loggingSettings } from './settings/logging-settings.ts'
import { tlsSettings } from './settings/tls-settings.ts'
import type { Environment } from './settings-table.ts'

/** All that a forwarding node goes by. */
const used = [
  forwardingSettings,
  forwarderSettings,
  accessSettings,
  httpSettings,
  tlsSettings,
  loggingSettings,
].flatMap((table) => Object.values(table).map(({ name }) => name))

export function isForwarding(env: Environment): boolean {
  return Boolean(env[forwardingSettings.forwardingAddress.name])
}

/** The names of the settings given that a forwarding node has no use for. */
export function unusedByForwarding(env: Environment): string[] {
  return settings.flatMap(({ name }) => (env[name] && !used.includes(name) ? [name] : []))
}
