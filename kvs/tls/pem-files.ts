import { createPrivateKey, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { withHiddenField } from '../lib/hidden-field.ts'

/** A certificate with its chain, the key to it, and the CAs to trust, each in PEM. */
export interface TlsTexts {
  readonly cert?: string
  /** Not enumerable: shown nowhere. */
  readonly key?: string
  readonly ca?: string
}

export type Part = keyof TlsTexts

/** Where each is read from, and the setting that says so. */
export type TlsFiles = { readonly [P in Part]?: { readonly setting: string; readonly path: string } }

export interface Tls {
  readonly files: TlsFiles
  readonly texts: TlsTexts
}

/** What is wrong with the texts, for a TLS that is to work; neither they nor a path is in it. */
export function problemsOf({ cert, key, ca }: TlsTexts, files: TlsFiles): string[] {
  const problems: string[] = []
  const leaf = cert === undefined ? undefined : chainOf(cert, files.cert?.setting, problems)[0]
  if (ca !== undefined) chainOf(ca, files.ca?.setting, problems)
  if (key !== undefined) problems.push(...problemsOfKey(key, files.key?.setting, leaf, files.cert?.setting))
  if (problems.length === 0) problems.push(...refusalOf(hidden({ cert, key, ca }), Object.values(files)))
  return problems
}

export function hidden({ cert, key, ca }: { readonly [P in Part]?: string | undefined }): TlsTexts {
  return withHiddenField({ ...(cert !== undefined && { cert }), ...(ca !== undefined && { ca }) }, 'key', key)
}

/** The certificate itself, without its chain. The text is without problems. */
export function leafOf(cert: string): X509Certificate {
  return new X509Certificate(cert)
}

function chainOf(pem: string, setting = '', problems: string[]): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []
  const begun = pem.match(/-----BEGIN CERTIFICATE-----/g)?.length ?? 0
  if (begun === 0) problems.push(`${setting} names a file without a PEM certificate`)
  else if (blocks.length < begun) problems.push(`${setting} names a file with a PEM certificate that is cut short`)
  try {
    return blocks.map((block) => new X509Certificate(block))
  } catch {
    problems.push(`${setting} names a file with a PEM certificate that can't be read as one`)
    return []
  }
}

function problemsOfKey(pem: string, setting = '', leaf: X509Certificate | undefined, certSetting = ''): string[] {
  if (/ENCRYPTED/.test(pem)) {
    return [`${setting} names a file with an encrypted key: decrypt it (openssl pkey -in FILE -out PLAIN)`]
  }
  if (!/-----BEGIN (?:RSA |EC )?PRIVATE KEY-----/.test(pem))
    return [`${setting} names a file without a PEM private key`]
  try {
    const key = createPrivateKey(pem)
    if (leaf === undefined || leaf.checkPrivateKey(key)) return []
  } catch {
    return [`${setting} names a file with a PEM private key that can't be read as one`]
  }
  return [
    `${setting} names a key that is not the one to the certificate in ${certSetting}, ` +
      'whose first certificate must be the server’s own',
  ]
}

/** What OpenSSL has against them: a key too short, a digest too weak. */
function refusalOf(texts: TlsTexts, files: readonly { setting: string }[]): string[] {
  try {
    createSecureContext(texts)
    return []
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return [`${files.map(({ setting }) => setting).join(', ')}: not fit for TLS: ${why}`]
  }
}
