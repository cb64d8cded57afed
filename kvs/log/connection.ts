import type { Socket } from 'node:net'
import { Client, DatabaseError, type QueryArrayConfig, type QueryArrayResult } from 'pg'
import type { PostgresTarget } from '../config/postgres.ts'
import { makeQueryInPieces, Pieces } from './bind.ts'
import { makeCopy } from './copy.ts'
import { isAnswer, isTlsMissing } from './failures.ts'
import { describeTls, tlsOptions } from './tls.ts'

/** One connection to Postgres that is destroyed, and never used again, at the first sign that it is not sound. */
export interface Connection {
  /**
   * Rows as arrays. Rejects with a `DatabaseError` that `isAnswer` where the statement changed nothing; any other
   * rejection leaves its outcome open and has ended the connection. Bounded by the target's timeout unless another is
   * given, in milliseconds; 0 is none.
   */
  query<Row extends unknown[]>(
    query: Omit<QueryArrayConfig, 'rowMode'>,
    timeoutMs?: number,
  ): Promise<QueryArrayResult<Row>>
  /**
   * Runs a COPY … TO STDOUT. Rejects as `query` does, or with `NotTaken` where `onData` throws, which ends the connection
   * as well. The time is bounded between one message and the next.
   */
  copy(text: string, onData: (data: Buffer) => void): Promise<void>
  /** For the log line: 'not encrypted', or the TLS version and what was checked. */
  readonly tls: string
  /** Has this called with each notification from another connection. */
  onNotified(callback: () => void): void
  /** Settles once the connection is gone, with the reason. Never rejects. */
  readonly lost: Promise<Error>
  /** Waits for nothing that is still under way. */
  close(): Promise<void>
}

/**
 * Connects as libpq would for the target's sslmode, with password and certificates as their files have them now; rejects
 * with what `pg`, the socket or the target says.
 */
export async function connect(given: PostgresTarget, timeoutMs: number): Promise<Connection> {
  const target = given.reread?.() ?? given
  const ssl = target.host.startsWith('/') ? false : tlsOptions(target.tls)
  try {
    return await connectOnce(target, ssl, timeoutMs)
  } catch (error) {
    // prefer = TLS if the server offers it and lets us in with it, else plain
    if (target.tls.mode !== 'prefer' || ssl === false || !isTlsRefusal(error)) throw error
    return connectOnce(target, false, timeoutMs).catch((plainError) => {
      // Where neither is let in, the reason with TLS is the one that helps.
      throw isNotLetIn(plainError) && !isTlsMissing(error) ? error : plainError
    })
  }
}

async function connectOnce(target: PostgresTarget, ssl: ReturnType<typeof tlsOptions>, timeoutMs: number) {
  const client = new Client({
    host: target.host,
    port: target.port,
    database: target.database,
    user: target.user,
    password: target.password ?? '',
    application_name: target.applicationName,
    ssl,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    connectionTimeoutMillis: timeoutMs,
  })
  const lost = new Promise<Error>((resolve) => {
    client.on('error', resolve)
    client.on('end', () => resolve(new Error('the connection was closed')))
  })
  let unsafe: Error | undefined
  client.on('notice', (notice) => {
    // The wait for a synchronous standby was cut short: what follows reports success, and may yet vanish.
    if (notice.message?.includes('synchronous replication')) unsafe = new Error(notice.message)
  })
  let notified = () => {}
  client.on('notification', ({ processId }) => {
    if (processId !== processOf(client)) notified()
  })
  await client.connect()

  function onNotified(callback: () => void) {
    notified = callback
  }

  function send<Row extends unknown[]>(config: QueryArrayConfig & { query_timeout?: number }) {
    if (!config.values?.some((value) => value instanceof Pieces)) return client.query<Row>(config)
    const { query, promise } = makeQueryInPieces<Row>(config)
    client.query(query)
    return promise
  }

  async function query<Row extends unknown[]>(config: Omit<QueryArrayConfig, 'rowMode'>, queryTimeoutMs = timeoutMs) {
    try {
      const answer = await send<Row>({
        ...config,
        rowMode: 'array',
        ...(queryTimeoutMs > 0 && { query_timeout: queryTimeoutMs }),
      })
      if (unsafe) throw unsafe
      return answer
    } catch (error) {
      // After a timeout `pg` would go on to queue queries behind the one that hangs.
      if (!isAnswer(error)) void close()
      throw error
    }
  }

  async function copy(text: string, onData: (data: Buffer) => void) {
    let isSilent = false
    const query = makeCopy(text, (data) => {
      isSilent = false
      onData(data)
    })
    const silence = Promise.withResolvers<never>()
    const watch = setInterval(() => {
      if (isSilent) silence.reject(new Error('Query read timeout'))
      isSilent = true
    }, timeoutMs)
    try {
      client.query(query)
      await Promise.race([query.done, silence.promise])
    } catch (error) {
      if (!isAnswer(error)) void close()
      throw error
    } finally {
      clearInterval(watch)
    }
  }

  /** `end` destroys the socket where a query is under way; else it says goodbye, which a dead network never carries. */
  async function close() {
    const deadline = setTimeout(() => streamOf(client)?.destroy(), 1_000)
    await Promise.race([client.end(), lost])
    clearTimeout(deadline)
  }

  return { query, copy, onNotified, lost, close, tls: describeTls(streamOf(client), target.tls) } satisfies Connection
}

/** `pg` has no public name for its socket. */
function streamOf(client: Client): Socket | undefined {
  return (client as unknown as { connection?: { stream?: Socket } }).connection?.stream
}

/** Nor for the number of its process on the server. */
function processOf(client: Client): number | undefined {
  return (client as unknown as { processID?: number }).processID
}

/** By pg_hba.conf */
function isNotLetIn(error: unknown): boolean {
  return error instanceof DatabaseError && error.code === '28000'
}

/** Without those by which TLS 1.3 turns our certificate away, after its handshake: plain text would hide that. */
function isTlsRefusal(error: unknown): boolean {
  if (error instanceof DatabaseError) return isNotLetIn(error)
  const { code = '', message = '' } = error as { code?: string; message?: string }
  if (/^ERR_SSL_\w+_ALERT_(\w*CERTIFICATE|UNKNOWN_CA)/.test(code)) return false
  return /SSL/.test(message) || /^(ERR_TLS|ERR_SSL|EPROTO)/.test(code)
}
