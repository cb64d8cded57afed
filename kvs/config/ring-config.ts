import type { Tls } from '../tls/index.ts'
import type { serviceSettings } from './all-settings.ts'
import { ringSettings } from './settings/ring-settings.ts'
import { siteSettings } from './settings/site-settings.ts'
import type { Environment, Values } from './settings-table.ts'
import { readPeerToken } from './sites-config.ts'
import { readPeerTls } from './tls-config.ts'

/** What a node knows of its part in a ring. */
export interface RingConfig {
  /** The node's own address, by which members of the ring know its log. */
  readonly address: string
  /** The token to show to members; undefined for none. */
  readonly token: string | undefined
  /** Certificates for members with https://, which may be known only later. */
  readonly tls: Tls
  /** Most keys a second that the node copies from other members; Infinity for no bound. */
  readonly handoverRate: number
}

/**
 * Undefined where the node can be in no ring: it has no address, or its log is a site. The result may be used only if
 * `problems` stayed empty.
 */
export function readRing(
  service: Partial<Values<typeof serviceSettings>>,
  problems: string[],
  warnings: string[],
): RingConfig | undefined {
  const { ownAddress: address, peers, handoverRate = 1 } = service
  if (address === undefined || peers !== undefined) return undefined
  const files = { cert: service.peerCertFile, key: service.peerKeyFile, ca: service.peerCaFile }
  return {
    address,
    token: readPeerToken(service.peerTokenFile, problems),
    tls: readPeerTls(files, problems, warnings),
    handoverRate,
  }
}

/** Names of the settings in the environment that have no effect, and why: the node can be in no ring. */
export function unusedWithoutRing(env: Environment, ring: RingConfig | undefined): [names: string[], why: string] {
  const { peers, ownAddress } = siteSettings
  const names = ring === undefined && env[ringSettings.handoverRate.name] ? [ringSettings.handoverRate.name] : []
  return [names, env[peers.name] ? `${peers.name} is set` : `${ownAddress.name} is not set`]
}
