import { readSettingFile } from '../lib/files.ts'
import type { Tls } from '../tls/index.ts'
import type { serviceSettings } from './all-settings.ts'
import type { RingConfig } from './ring-config.ts'
import { siteSettings } from './settings/site-settings.ts'
import { storeSettings } from './settings/store-settings.ts'
import type { Environment, Setting, Values } from './settings-table.ts'
import { readPeerTls } from './tls-config.ts'

/** What a node knows of the other sites. */
export interface Sites {
  /** Addresses of the others, `host:port` or `https://host:port`; never this node's own. */
  readonly peers: readonly string[]
  /** This node's own, as KVS_PEERS has it where it does; undefined where it is not known. */
  readonly ownAddress: string | undefined
  /** The token to show there; undefined for none. */
  readonly token: string | undefined
  /** Certificates for the peers with https://; undefined where there are none. */
  readonly tls: Tls | undefined
  /**
   * How long a request waits for a position, in milliseconds; undefined where KVS_WAIT_TIMEOUT is set. That is less
   * than for other logs: what is waited for may be at a site that is cut off, and a write goes on after the wait.
   */
  readonly waitTimeoutMs: number | undefined
}

const siteWaitTimeoutMs = 2_000

/**
 * Takes the names by which an assignment gives a node its sites, VIEW and IP_PORT, for those of this service. Each
 * counts only beside the other: alone, it may be anything.
 */
export function withAssignedNames(env: Environment): Environment {
  const { VIEW: view, IP_PORT: address } = env
  if (!view || !address) return env
  const { peers, ownAddress } = siteSettings
  return { ...env, [peers.name]: env[peers.name] || view, [ownAddress.name]: env[ownAddress.name] || address }
}

/** Undefined where KVS_PEERS is not set. The result may be used only if `problems` stayed empty. */
export function readSites(
  service: Partial<Values<typeof serviceSettings>>,
  env: Environment,
  problems: string[],
  warnings: string[],
): Sites | undefined {
  if (service.peers === undefined) {
    const { minCopies, peers } = siteSettings
    if ((service.minCopies ?? 1) > 1)
      problems.push(
        `${minCopies.name} (${service.minCopies}) needs other sites to have the copies: set ${peers.name}, or leave ` +
          `${minCopies.name} at 1`,
      )
    return undefined
  }
  const isOwn = (peer: string) => withoutScheme(peer) === withoutScheme(service.ownAddress ?? '')
  const peers = service.peers.filter((peer) => !isOwn(peer))
  const isSecure = peers.some((peer) => peer.startsWith('https://'))
  const files = { cert: service.peerCertFile, key: service.peerKeyFile, ca: service.peerCaFile }
  return {
    peers,
    ownAddress: service.peers.find(isOwn) ?? service.ownAddress,
    token: readPeerToken(service.peerTokenFile, problems),
    tls: isSecure ? readPeerTls(files, problems, warnings) : undefined,
    waitTimeoutMs: env[storeSettings.waitTimeoutMs.name] ? undefined : siteWaitTimeoutMs,
  }
}

function withoutScheme(address: string): string {
  return address.replace(/^https:\/\//, '')
}

export function readPeerToken(path: string | undefined, problems: string[]): string | undefined {
  if (path === undefined) return undefined
  const { name } = siteSettings.peerTokenFile
  const token = readSettingFile(name, path, problems)?.trim()
  if (token === undefined || /^[A-Za-z0-9\-._~+/]+=*$/.test(token)) return token
  const what = token === '' ? 'an empty file' : 'a file that is no token'
  problems.push(`${name} names ${what}: it holds the token alone, on one line`)
  return undefined
}

/** Names of the settings in the environment that have no effect, and why: there are no sites, or none with https://. */
export function unusedWithoutSites(
  env: Environment,
  sites: Sites | undefined,
  ring: RingConfig | undefined,
): [names: string[], why: string] {
  const { peers, peerTokenFile, ownAddress, peerCaFile, peerCertFile, peerKeyFile, digestIntervalMs } = siteSettings
  const forHttps = [peerCaFile, peerCertFile, peerKeyFile]
  const given = (settings: readonly Setting[]) => settings.flatMap(({ name }) => (env[name] ? [name] : []))
  if (ring !== undefined) return [given([digestIntervalMs]), `${peers.name} is not set`]
  if (sites === undefined) {
    const names = given([peerTokenFile, ...forHttps, digestIntervalMs])
    return [names, `neither ${peers.name} nor ${ownAddress.name} is set`]
  }
  return [sites.tls === undefined ? given(forHttps) : [], `${peers.name} has no address with https://`]
}
