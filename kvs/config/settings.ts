import type { Setting } from './setting.ts'
import { forwarderSettings, forwardingSettings } from './settings/forwarding.ts'
import { httpSettings } from './settings/http.ts'
import { loggingSettings } from './settings/logging.ts'
import { postgresSettings } from './settings/postgres.ts'
import { storeSettings } from './settings/store.ts'

/** What the service itself goes by; the keys are fields of Config. */
export const serviceSettings = { ...httpSettings, ...storeSettings, ...forwarderSettings, ...loggingSettings }

/** All, in the order in which they are told. */
export const settings: readonly Setting[] = [
  ...Object.values(postgresSettings),
  ...Object.values(forwardingSettings),
  ...Object.values(serviceSettings),
]
