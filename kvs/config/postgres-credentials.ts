import type { SecureVersion } from 'node:tls'
import { readSettingFile } from '../lib/files.ts'
import { withHiddenField } from '../lib/hidden-field.ts'
import type { urlOnlySettings } from './postgres-url-parameters.ts'
import { postgresSettings } from './settings/postgres-settings.ts'
import type { Texts, Values } from './settings-table.ts'

/** Texts of the settings of Postgres, from the environment or a URL. */
export type PostgresTexts = Texts<typeof postgresSettings>

/** Parsed values of those settings and of the parameters that only a URL can set. */
export type PostgresValues = Partial<Values<typeof postgresSettings> & Values<typeof urlOnlySettings>>

/** TLS of the connection to Postgres, as libpq's sslmode and the settings beside it. */
export type TlsSettings =
  | { mode: 'disable' }
  | {
      mode: 'allow' | 'prefer' | 'require' | 'verify-ca' | 'verify-full'
      /** CAs to trust in PEM, or `system` for those that Node trusts. */
      ca?: string | 'system'
      /** Client certificate in PEM. */
      cert?: string
      /** Private key in PEM. Not enumerable, like the password. */
      key?: string
      /** Starts TLS without negotiation, which Postgres 17 and later accept. */
      isDirect?: true
      minVersion?: SecureVersion
      maxVersion?: SecureVersion
    }

/** Name of the environment variable for a key of `postgresSettings`. */
export const nameOf = (key: keyof PostgresTexts) => postgresSettings[key].name

/** Reads the password from its setting or its file; undefined without one. */
export function readPassword({ password, passwordFile }: PostgresValues, problems: string[]): string | undefined {
  if (passwordFile === undefined) return password
  if (password !== undefined) {
    problems.push('POSTGRES_PASSWORD_FILE is set beside a password: keep one')
    return undefined
  }
  const content = readSettingFile('POSTGRES_PASSWORD_FILE', passwordFile, problems)?.replace(/\r?\n$/, '')
  if (content === '') problems.push('POSTGRES_PASSWORD_FILE names an empty file: write the password into it')
  return content
}

/** Describes the password for the message when it is refused: most copying errors are invisible characters. */
export function describePassword(
  { passwordFile }: PostgresValues,
  password: string | undefined,
): { passwordNote?: string } {
  if (password === undefined) return {}
  const from = passwordFile === undefined ? '' : 'in POSTGRES_PASSWORD_FILE '
  const oddities: [RegExp, string][] = [
    [/\n$/, 'ends in a line break'],
    [/\r$/, 'ends in a carriage return'],
    [/\s$/, 'ends in a blank'],
    [/^\uFEFF/, 'begins with a byte order mark'],
    [/^\s/, 'begins with a blank'],
    [/^(['"]).*\1$/s, 'is in quotes'],
  ]
  const [, oddity] = oddities.find(([shape]) => shape.test(password)) ?? []
  if (oddity === undefined) return from ? { passwordNote: 'it is from POSTGRES_PASSWORD_FILE' } : {}
  return { passwordNote: `the password ${from}${oddity}` }
}

/** Reads the TLS settings and the files that they name. They may be used only if `problems` stayed empty. */
export function readTls(values: PostgresValues, problems: string[]): TlsSettings {
  const { host, sslMode: mode, sslRootCert, sslCert, sslKey, sslNegotiation, minVersion, maxVersion } = values
  if (mode === undefined || host === undefined) return { mode: 'disable' } // reported as a problem before
  if (host.startsWith('/')) return { mode: 'disable' } // libpq ignores sslmode on a Unix socket too

  if (sslRootCert === 'system' && mode !== 'verify-full') {
    problems.push('POSTGRES_SSLROOTCERT=system needs POSTGRES_SSLMODE=verify-full')
  }
  // libpq would look for ~/.postgresql/root.crt.
  if (mode.startsWith('verify-') && sslRootCert === undefined) {
    problems.push(
      `POSTGRES_SSLMODE=${mode} needs POSTGRES_SSLROOTCERT: set it to the PEM file of the CA` +
        (mode === 'verify-full' ? ', or to system' : ''),
    )
  }
  if ((sslCert === undefined) !== (sslKey === undefined)) {
    problems.push('POSTGRES_SSLCERT and POSTGRES_SSLKEY need each other: set both or neither')
  }
  if (mode === 'disable') return { mode }

  const ca = sslRootCert === 'system' ? 'system' : readPem('sslRootCert', sslRootCert, problems)
  const cert = readPem('sslCert', sslCert, problems)
  const key = readPem('sslKey', sslKey, problems)
  const versions = { ...(minVersion && { minVersion }), ...(maxVersion && { maxVersion }) }
  const isDirect = sslNegotiation === 'direct' && { isDirect: true as const }
  return withHiddenField({ mode, ...(ca && { ca }), ...(cert && { cert }), ...isDirect, ...versions }, 'key', key)
}

function readPem(key: 'sslRootCert' | 'sslCert' | 'sslKey', path: string | undefined, problems: string[]) {
  if (path === undefined) return undefined
  const pem = readSettingFile(nameOf(key), path, problems)
  const [what, begin] =
    key === 'sslKey'
      ? ['unencrypted private key', /-----BEGIN (?:RSA |EC )?PRIVATE KEY-----/]
      : ['certificate', /-----BEGIN CERTIFICATE-----/]
  if (key === 'sslKey' && pem !== undefined && /-----BEGIN ENCRYPTED |^Proc-Type: 4,ENCRYPTED/m.test(pem)) {
    problems.push(
      'POSTGRES_SSLKEY names a key with a passphrase, and there is nobody to ask for it: ' +
        'write one without (openssl pkey -in … -out …)',
    )
    return undefined
  }
  if (pem === undefined || begin.test(pem)) return pem
  problems.push(`${nameOf(key)} names a file without a PEM ${what}`)
  return undefined
}
