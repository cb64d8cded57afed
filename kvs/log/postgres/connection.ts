import type { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ConnectionOptions } from 'node:tls'
import { Client, DatabaseError, type QueryArrayConfig, type QueryArrayResult } from 'pg'
import type { PostgresTarget } from '../../config/index.ts'
import { isAnswer, tooLate } from './answers.ts'
import { makeQueryInPieces, Pieces } from './bind-pieces.ts'
import { makeCopy } from './copy.ts'
import { isTlsMissing } from './failure-sentences.ts'
import { guardLogin } from './login.ts'
import { describeTls, tlsOptions } from './server-tls.ts'

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
  /** Has this called with each notification, and the number of the server's process that has sent it. */
  onNotified(callback: (processId: number) => void): void
  /**
   * The number of the server's process, as it was told at connecting. A pooler tells one of its own making.
   */
  readonly toldProcessId: number | undefined
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
  const ssl = target.host.startsWith('/') ? false : tlsOptions(target)
  const { mode } = target.tls
  // Without TLS there is nothing to bind to.
  if (target.channelBinding === 'require' || ssl === false) return connectOnce(target, ssl, timeoutMs)
  if (mode === 'prefer') return connectPreferringTls(target, ssl, timeoutMs)
  return mode === 'allow' ? connectAllowingTls(target, ssl, timeoutMs) : connectOnce(target, ssl, timeoutMs)
}

/** TLS if the server offers it and lets us in with it, else plain. */
async function connectPreferringTls(target: PostgresTarget, ssl: ConnectionOptions, timeoutMs: number) {
  try {
    return await connectOnce(target, ssl, timeoutMs)
  } catch (error) {
    if (!isTlsRefusal(error)) throw error
    return connectOnce(target, false, timeoutMs).catch((plainError) => {
      // Where neither is let in, the reason with TLS is the one that helps.
      throw isNotLetIn(plainError) && !isTlsMissing(error) ? error : plainError
    })
  }
}

/** Plain if the server lets us in so, else TLS. */
async function connectAllowingTls(target: PostgresTarget, ssl: ConnectionOptions, timeoutMs: number) {
  try {
    return await connectOnce(target, false, timeoutMs)
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error
    return connectOnce(target, ssl, timeoutMs).catch((tlsError) => {
      throw isTlsMissing(tlsError) ? error : tlsError
    })
  }
}

async function connectOnce(target: PostgresTarget, ssl: ConnectionOptions | false, timeoutMs: number) {
  const isDirect = target.tls.mode !== 'disable' && target.tls.isDirect === true
  const { isOn, idleMs } = target.tcpKeepAlive ?? { isOn: true, idleMs: 10_000 }
  const client = new Client({
    host: target.address ?? target.host,
    port: target.port,
    database: target.database,
    user: target.user,
    // `pg` would look for what is no string in variables and files of its own.
    password: () => target.password ?? '',
    application_name: target.applicationName,
    options: target.options,
    ssl,
    sslnegotiation: ssl && isDirect ? 'direct' : 'postgres',
    enableChannelBinding: ssl !== false && target.channelBinding !== 'disable',
    keepAlive: isOn,
    keepAliveInitialDelayMillis: idleMs,
    connectionTimeoutMillis: target.connectTimeoutMs ?? timeoutMs,
  })
  guardLogin(client, target, ssl === false ? 'none' : isDirect ? 'direct' : 'asked for')
  const lost = new Promise<Error>((resolve) => {
    client.on('error', resolve)
    client.on('end', () => resolve(new Error('the connection was closed')))
  })
  let unsafe: Error | undefined
  client.on('notice', (notice) => {
    // The wait for a synchronous standby was cut short: what follows reports success, and may yet vanish.
    if (notice.routine === 'SyncRepWaitForLSN') unsafe = new Error(notice.message)
  })
  let notified = (_processId: number) => {}
  client.on('notification', ({ processId }) => notified(processId))
  await client.connect()
  const ends = followEnds(client)

  function onNotified(callback: (processId: number) => void) {
    notified = callback
  }

  function send<Row extends unknown[]>(config: QueryArrayConfig & { query_timeout?: number }) {
    if (!config.values?.some((value) => value instanceof Pieces)) return client.query<Row>(config)
    const { query, promise } = makeQueryInPieces<Row>(config)
    client.query(query)
    return promise
  }

  async function query<Row extends unknown[]>(config: Omit<QueryArrayConfig, 'rowMode'>, queryTimeoutMs = timeoutMs) {
    const end = ends.next()
    try {
      const answer = await send<Row>({
        ...config,
        rowMode: 'array',
        ...(queryTimeoutMs > 0 && { query_timeout: queryTimeoutMs }),
      })
      if (unsafe) throw unsafe
      return answer
    } catch (error) {
      throw await judged(error, end)
    }
  }

  /**
   * After a timeout `pg` would go on to queue queries behind the one that hangs. And it passes the severity on in the
   * server's language: that an error was not fatal shows in the server's being ready for the next statement.
   */
  async function judged(error: unknown, end: Promise<void>): Promise<unknown> {
    if (isAnswer(error)) {
      const isReady = await Promise.race([end.then(() => true), lost, sleep(timeoutMs, undefined, { ref: false })])
      if (isReady !== true) error.severity = 'FATAL'
    }
    if (!isAnswer(error)) void close()
    return error
  }

  async function copy(text: string, onData: (data: Buffer) => void) {
    let isSilent = false
    const query = makeCopy(text, (data) => {
      isSilent = false
      onData(data)
    })
    const silence = Promise.withResolvers<never>()
    const watch = setInterval(() => {
      if (isSilent) silence.reject(new Error(tooLate))
      isSilent = true
    }, timeoutMs)
    const end = ends.next()
    try {
      client.query(query)
      await Promise.race([query.done, silence.promise])
    } catch (error) {
      throw await judged(error, end)
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

  const tls = describeTls(streamOf(client), target.tls)
  return { query, copy, onNotified, toldProcessId: toldProcessId(client), lost, close, tls } satisfies Connection
}

/** Tells of each statement, in the order in which they are sent, when the server is ready for the next one. */
function followEnds(client: Client) {
  const waiting: (() => void)[] = []
  wireOf(client)?.on('readyForQuery', () => waiting.shift()?.())
  return { next: () => new Promise<void>((resolve) => void waiting.push(resolve)) }
}

/** `pg` has no public name for what it speaks to the server through. */
function wireOf(client: Client): (EventEmitter & { stream?: Socket }) | undefined {
  return (client as unknown as { connection?: EventEmitter & { stream?: Socket } }).connection
}

function streamOf(client: Client): Socket | undefined {
  return wireOf(client)?.stream
}

/** Nor for the number of its process on the server. */
function toldProcessId(client: Client): number | undefined {
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
