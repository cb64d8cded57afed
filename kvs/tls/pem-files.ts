import { createPrivateKey, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { withHiddenField } from '../lib/hidden-field.ts'

/** The contents of the TLS files, in PEM. */
export interface TlsTexts {
  /** Certificate with its chain. */
  readonly cert?: string
  /** Private key of the certificate. The field is not enumerable, so that neither JSON nor a log shows it. */
  readonly key?: string
  /** CAs to trust. */
  readonly ca?: string
}

export type Part = keyof TlsTexts

/** Path of each file, and the setting that names it. */
export type TlsFiles = { readonly [P in Part]?: { readonly setting: string; readonly path: string } }

export interface Tls {
  readonly files: TlsFiles
  readonly texts: TlsTexts
}

/** Returns sentences about what would keep TLS from working. They contain no text and no path. */
export function findTlsProblems({ cert, key, ca }: TlsTexts, files: TlsFiles): string[] {
  const problems: string[] = []
  const leaf = cert === undefined ? undefined : parseChain(cert, files.cert?.setting, problems)[0]
  if (ca !== undefined) parseChain(ca, files.ca?.setting, problems)
  if (key !== undefined) problems.push(...findKeyProblems(key, files.key?.setting, leaf, files.cert?.setting))
  if (problems.length === 0)
    problems.push(...findOpensslProblems(makeTlsTexts({ cert, key, ca }), Object.values(files)))
  return problems
}

export function makeTlsTexts({ cert, key, ca }: { readonly [P in Part]?: string | undefined }): TlsTexts {
  return withHiddenField({ ...(cert !== undefined && { cert }), ...(ca !== undefined && { ca }) }, 'key', key)
}

/** Parses the first certificate of a chain: the server's own. Throws if the text has problems. */
export function leafCertificate(cert: string): X509Certificate {
  return new X509Certificate(cert)
}

function parseChain(pem: string, setting = '', problems: string[]): X509Certificate[] {
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

function findKeyProblems(pem: string, setting = '', leaf: X509Certificate | undefined, certSetting = ''): string[] {
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

/** Problems that only OpenSSL finds, such as a key that is too short or a digest that is too weak. */
function findOpensslProblems(texts: TlsTexts, files: readonly { setting: string }[]): string[] {
  try {
    createSecureContext(texts)
    return []
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return [`${files.map(({ setting }) => setting).join(', ')}: not fit for TLS: ${why}`]
  }
}
