import type { Environment } from './setting.ts'
import { forwarderSettings, forwardingSettings } from './settings/forwarding.ts'
import { httpSettings } from './settings/http.ts'
import { loggingSettings } from './settings/logging.ts'
import { settings } from './settings.ts'

/** All that a forwarding node goes by. */
const used = [forwardingSettings, forwarderSettings, httpSettings, loggingSettings].flatMap((table) =>
  Object.values(table).map(({ name }) => name),
)

export function isForwarding(env: Environment): boolean {
  return Boolean(env[forwardingSettings.forwardingAddress.name])
}

/** The names of the settings given that a forwarding node has no use for. */
export function unusedByForwarding(env: Environment): string[] {
  return settings.flatMap(({ name }) => (env[name] && !used.includes(name) ? [name] : []))
}
