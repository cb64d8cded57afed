import { accessSettings } from './settings/access-settings.ts'
import { forwarderSettings, forwardingSettings } from './settings/forwarding-settings.ts'
import { httpSettings } from './settings/http-settings.ts'
import { loggingSettings } from './settings/logging-settings.ts'
import { postgresSettings } from './settings/postgres-settings.ts'
import { storeSettings } from './settings/store-settings.ts'
import { tlsSettings } from './settings/tls-settings.ts'
import type { Setting } from './settings-table.ts'

/** What the service itself goes by; the keys are fields of Config. */
export const serviceSettings = {
  ...httpSettings,
  ...tlsSettings,
  ...storeSettings,
  ...forwarderSettings,
  ...loggingSettings,
}

/** All, in the order in which they are told. */
export const settings: readonly Setting[] = [
  ...Object.values(postgresSettings),
  ...Object.values(forwardingSettings),
  ...Object.values(accessSettings),
  ...Object.values(serviceSettings),
]
