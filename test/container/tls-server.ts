import { GenericContainer, type StartedTestContainer, Wait } from 'testcontainers'
import { until } from '../support/until.ts'

/** Certificates of the one server, by name; their files are in /tls. */
export type Certificate = 'localhost' | 'address' | 'elsewhere' | 'old-style' | 'stranger'

export interface ServerSetup {
  readonly certificate: Certificate | undefined
  readonly newest?: 'TLSv1.2' | 'TLSv1.3'
  /** Up to TLS 1.2 */
  readonly ciphers?: string
  /** The line of pg_hba.conf for connections over TCP. */
  readonly hba: string
}

/** Made by the image's own openssl, so that the machine needs none. stranger and intruder are of a CA nobody trusts. */
const makeCertificates = `
set -e
mkdir /tls && cd /tls
authority() {
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout $1.key -out $1.crt -subj "/CN=$2" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
}
issue() { # name, authority, subject, extension
  openssl req -newkey rsa:2048 -nodes -keyout $1.key -out $1.csr -subj "/CN=$3"
  echo "$4" >$1.ext
  openssl x509 -req -in $1.csr -CA $2.crt -CAkey $2.key -CAcreateserial -days 2 -extfile $1.ext -out $1.crt
}
authority ca 'Test CA'
authority other-ca 'Another CA'
issue localhost ca localhost subjectAltName=DNS:localhost
issue address ca 127.0.0.1 subjectAltName=IP:127.0.0.1
issue elsewhere ca elsewhere.test subjectAltName=DNS:elsewhere.test
issue old-style ca localhost basicConstraints=CA:FALSE
issue stranger other-ca localhost subjectAltName=DNS:localhost
issue client ca kvs extendedKeyUsage=clientAuth
issue intruder other-ca kvs extendedKeyUsage=clientAuth
chmod 600 *.key
cp -r /tls /tls-client
chown -R postgres /tls
`

const password = 'correct horse'

/** A real Postgres whose TLS can be changed while it runs, and its own psql to compare with. */
export async function startTlsServer() {
  const container = await new GenericContainer('postgres:17')
    .withEnvironment({ POSTGRES_USER: 'kvs', POSTGRES_PASSWORD: password, POSTGRES_DB: 'kvs' })
    .withExposedPorts(5432)
    // Not while the image makes the database, when only the socket is served
    .withWaitStrategy(Wait.forSuccessfulCommand('pg_isready -q -h 127.0.0.1 -U kvs'))
    .withStartupTimeout(180_000)
    .start()
  await run(container, ['sh', '-c', makeCertificates])

  const file = (name: string) => run(container, ['cat', `/tls/${name}`])
  const sql = (text: string) => run(container, ['psql', '-XAtqU', 'kvs', '-c', text])

  /** New connections find the server as set up. */
  async function become({ certificate, newest = 'TLSv1.3', ciphers = 'HIGH', hba }: ServerSetup): Promise<void> {
    const before = await sql('SELECT pg_conf_load_time()')
    const name = certificate ?? 'localhost'
    for (const [setting, value] of Object.entries({
      ssl: certificate ? 'on' : 'off',
      ssl_max_protocol_version: newest,
      ssl_ciphers: ciphers,
      ssl_cert_file: `/tls/${name}.crt`,
      ssl_key_file: `/tls/${name}.key`,
      ssl_ca_file: '/tls/ca.crt',
    })) {
      await sql(`ALTER SYSTEM SET ${setting} = '${value}'`)
    }
    await run(container, ['sh', '-c', `printf '%s\\n' 'local all all trust' '${hba}' >"$PGDATA/pg_hba.conf"`])
    await sql('SELECT pg_reload_conf()')
    await until('Postgres has its new settings', async () => (await sql('SELECT pg_conf_load_time()')) !== before)
  }

  /** What a query says to libpq’s psql at a URL whose server is the container’s own; rejects with what psql says. */
  const psql = (url: string, query: string) => run(container, ['psql', '-XAtq', '-F', ' ', '-d', url, '-c', query])

  /** What libpq makes of a connection string: whether the connection is encrypted, or why there is none. */
  async function libpq(connection: string): Promise<boolean | string> {
    const query = 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()'
    const command = ['psql', '-XAtq', '-c', query, `host=localhost user=kvs password='${password}' ${connection}`]
    const { exitCode, output } = await container.exec(command)
    return exitCode === 0 ? output.trim() === 't' : output.trim()
  }

  return {
    port: container.getMappedPort(5432),
    password,
    pem: {
      ca: await file('ca.crt'),
      otherCa: await file('other-ca.crt'),
      client: { cert: await file('client.crt'), key: await file('client.key') },
      intruder: { cert: await file('intruder.crt'), key: await file('intruder.key') },
    },
    become,
    libpq,
    psql,
    file,
    sql,
    stop: () => container.stop({ removeVolumes: true }),
  }
}

export type TlsServer = Awaited<ReturnType<typeof startTlsServer>>

async function run(container: StartedTestContainer, command: string[]): Promise<string> {
  const { exitCode, output } = await container.exec(command)
  if (exitCode !== 0) throw new Error(`${command.join(' ')} failed in the container:\n${output}`)
  return output.trim()
}
