import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeDirectory } from './node.ts'

/** The files of one certificate, and what is in them. */
export interface Issued {
  readonly certFile: string
  readonly keyFile: string
  readonly cert: string
  readonly key: string
}

export interface IssueOptions {
  readonly names?: string
  readonly extension?: string
  /** Below 0: expired already */
  readonly days?: number
}

/** A certificate authority of the test's own, by the machine's openssl; its files are gone with the test. */
export function makeAuthority(name = 'Test CA') {
  const directory = makeDirectory()
  const file = (name: string) => join(directory, name)
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe', cwd: directory })
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const constraints = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign']
  openssl(
    ...['req', '-x509', ...newKey, '-days', '3', '-keyout', 'ca.key', '-out', 'ca.crt', '-subj', `/CN=${name}`],
    ...constraints.flatMap((constraint) => ['-addext', constraint]),
  )

  /** By another name, another certificate: with a key and a serial of its own. */
  function issue(
    name: string,
    { names = 'DNS:localhost,IP:127.0.0.1', extension, days = 2 }: IssueOptions = {},
  ): Issued {
    openssl('req', ...newKey, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`)
    writeFileSync(file(`${name}.ext`), extension ?? `subjectAltName=${names}`)
    const at = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().replace(/[-:T]|\.\d+/g, '')
    writeFileSync(file('index.txt'), '')
    writeFileSync(file('ca.conf'), caConfig)
    openssl(
      ...['ca', '-batch', '-notext', '-config', 'ca.conf', '-in', `${name}.csr`, '-out', `${name}.crt`],
      ...['-rand_serial', '-extfile', `${name}.ext`, '-startdate', at(Math.min(-1, days - 1)), '-enddate', at(days)],
    )
    const [certFile, keyFile] = [file(`${name}.crt`), file(`${name}.key`)]
    return { certFile, keyFile, cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') }
  }

  const client = (name: string, options: IssueOptions = {}) =>
    issue(name, { extension: 'extendedKeyUsage=clientAuth', ...options })
  return { caFile: file('ca.crt'), ca: readFileSync(file('ca.crt'), 'utf8'), directory, openssl, issue, client }
}

const caConfig = `
[ca]
default_ca = own
[own]
database = index.txt
serial = serial.txt
new_certs_dir = .
certificate = ca.crt
private_key = ca.key
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
`
