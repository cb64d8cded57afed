import { settings } from './all-settings.ts'
import { accessSettings } from './settings/access-settings.ts'
import { forwarderSettings, forwardingSettings } from './settings/forwarding-settings.ts'
import { httpSettings } from './settings/http-settings.ts'
import { loggingSettings } from './settings/logging-settings.ts'
import { tlsSettings } from './settings/tls-settings.ts'
import type { Environment } from './settings-table.ts'

/** Names of the settings that have an effect in a forwarder. Whether keys may be cleared, its target decides. */
const usedNames = [forwardingSettings, forwarderSettings, accessSettings, httpSettings, tlsSettings, loggingSettings]
  .flatMap((table) => Object.values(table).map(({ name }) => name))
  .filter((name) => name !== accessSettings.allowClear.name)

export function isForwarding(env: Environment): boolean {
  return Boolean(env[forwardingSettings.forwardingAddress.name])
}

/** Names of the settings in the environment that have no effect in a forwarder. */
export function unusedByForwarding(env: Environment): string[] {
  return settings.flatMap(({ name }) => (env[name] && !usedNames.includes(name) ? [name] : []))
}
