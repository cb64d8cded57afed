import { accessSettings } from './settings/access-settings.ts'
import { forwarderSettings, forwardingSettings } from './settings/forwarding-settings.ts'
import { httpSettings } from './settings/http-settings.ts'
import { loggingSettings } from './settings/logging-settings.ts'
import { postgresSettings } from './settings/postgres-settings.ts'
import { ringSettings } from './settings/ring-settings.ts'
import { siteSettings } from './settings/site-settings.ts'
import { storeSettings } from './settings/store-settings.ts'
import { tlsSettings } from './settings/tls-settings.ts'
import type { Setting } from './settings-table.ts'

/** Settings whose values are fields of `Config` under the same keys. */
export const serviceSettings = {
  ...httpSettings,
  ...tlsSettings,
  ...storeSettings,
  ...siteSettings,
  ...ringSettings,
  ...forwarderSettings,
  ...loggingSettings,
}

/** All settings, in the order of `--help`. */
export const settings: readonly Setting[] = [
  ...Object.values(postgresSettings),
  ...Object.values(forwardingSettings),
  ...Object.values(accessSettings),
  ...Object.values(serviceSettings),
]
