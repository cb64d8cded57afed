import { canAllRead, readSettingFile } from '../lib/files.ts'
import { findTlsProblems, makeTlsTexts, type Part, type Tls, type TlsFiles } from '../tls/index.ts'
import { forwarderSettings } from './settings/forwarding-settings.ts'
import { siteSettings } from './settings/site-settings.ts'
import { tlsSettings } from './settings/tls-settings.ts'
import type { Setting } from './settings-table.ts'

type Paths = { readonly [P in Part]?: string | undefined }

/** Reads the TLS files of the service. `ca` is for client certificates. Undefined for plain HTTP. */
export function readServerTls(paths: Paths, problems: string[], warnings: string[]): Tls | undefined {
  const { tlsCertFile: cert, tlsKeyFile: key, tlsClientCaFile: ca } = tlsSettings
  if (paths.ca !== undefined && paths.cert === undefined && paths.key === undefined) {
    problems.push(`${ca.name} needs ${cert.name} and ${key.name}: without them there is no TLS`)
    return undefined
  }
  return paths.cert === undefined && paths.key === undefined
    ? undefined
    : readTls({ cert, key, ca }, paths, problems, warnings)
}

/**
 * Reads the TLS files for a forwarder's connections to its target. `ca` is what it trusts, `cert` its client
 * certificate.
 */
export function readForwardTls(paths: Paths, problems: string[], warnings: string[]): Tls {
  const { forwardCertFile: cert, forwardKeyFile: key, forwardCaFile: ca } = forwarderSettings
  return readTls({ cert, key, ca }, paths, problems, warnings)
}

/** Reads the TLS files for connections to other sites, in the same way. */
export function readPeerTls(paths: Paths, problems: string[], warnings: string[]): Tls {
  const { peerCertFile: cert, peerKeyFile: key, peerCaFile: ca } = siteSettings
  return readTls({ cert, key, ca }, paths, problems, warnings)
}

function readTls(settings: Readonly<Record<Part, Setting>>, paths: Paths, problems: string[], warnings: string[]): Tls {
  const files = Object.fromEntries(
    (['cert', 'key', 'ca'] as const).flatMap((part) => {
      const path = paths[part]
      return path === undefined ? [] : [[part, { setting: settings[part].name, path }]]
    }),
  ) as TlsFiles
  if ((files.cert === undefined) !== (files.key === undefined)) {
    problems.push(`${settings.cert.name} and ${settings.key.name} need each other: set both or neither`)
  }
  const read = (part: Part) => files[part] && readSettingFile(files[part].setting, files[part].path, problems)
  const texts = makeTlsTexts({ cert: read('cert'), key: read('key'), ca: read('ca') })
  problems.push(...findTlsProblems(texts, files))
  if (files.key && canAllRead(files.key.path)) {
    warnings.push(`${files.key.setting}: every user of this machine can read the private key: chmod o-r`)
  }
  return { files, texts }
}
