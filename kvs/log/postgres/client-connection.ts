import type { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { Client, type QueryArrayConfig, type QueryArrayResult } from 'pg'
import type { PostgresTarget } from '../../config/index.ts'
import type { Clock } from '../../lib/clock.ts'
import { makeQueryInPieces, Pieces } from './bind-pieces.ts'
import { makeCopy } from './copy-query.ts'
import { guardLogin } from './login-guard.ts'
import { isRolledBack, queryTimeout } from './postgres-errors.ts'
import { describeTls } from './server-tls.ts'

/** One connection to Postgres. At the first sign that it is not sound, it is destroyed and never used again. */
export interface Connection {
  /**
   * Sends a query, and returns its rows as arrays. Rejects with a `DatabaseError` that `isRolledBack` where the
   * statement changed nothing. Any other rejection leaves its outcome unknown, and has ended the connection.
   * @param timeoutMs how long the answer may take; the target's timeout by default, and no bound with 0
   */
  query<Row extends unknown[]>(
    query: Omit<QueryArrayConfig, 'rowMode'>,
    timeoutMs?: number,
  ): Promise<QueryArrayResult<Row>>
  /**
   * Runs a COPY … TO STDOUT. Rejects as `query` does, or with `NotTaken` where `onData` throws, which ends the
   * connection as well. The timeout bounds the time between one message and the next.
   */
  copy(text: string, onData: (data: Buffer) => void): Promise<void>
  /** For the log line: 'not encrypted', or the TLS version and what was checked. */
  readonly tls: string
  /**
   * Calls `callback` with each notification: the number of the server's process that sent it. A second call replaces
   * the first.
   */
  onNotified(callback: (processId: number) => void): void
  /** The number of the server's process, as the server said it at connecting. A pooler says one of its own making. */
  readonly announcedProcessId: number | undefined
  /** Resolves with the reason once the connection is gone. Never rejects. */
  readonly lost: Promise<Error>
  /** Ends the connection without waiting for queries under way. */
  close(): Promise<void>
}

/** What the functions below share of one connection. */
interface Link {
  readonly client: Client
  readonly lost: Promise<Error>
  readonly clock: Clock
  readonly timeoutMs: number
  /** Resolves when the server is ready for the statement after the one that is about to be sent. */
  readonly nextReady: () => Promise<void>
  /**
   * The notice that a wait for a synchronous standby was cut short: what reports success from then on may yet vanish.
   */
  readonly cutShort: { notice: Error | undefined }
}

type Config = Omit<QueryArrayConfig, 'rowMode'>

/** @param ssl false is a plain connection */
export async function openConnection(
  target: PostgresTarget,
  ssl: ConnectionOptions | false,
  timeoutMs: number,
  clock: Clock,
): Promise<Connection> {
  const isDirect = target.tls.mode !== 'disable' && target.tls.isDirect === true
  const client = makeClient(target, ssl, isDirect, timeoutMs)
  guardLogin(client, target, ssl === false ? 'none' : isDirect ? 'direct' : 'asked for')
  const lost = new Promise<Error>((resolve) => {
    client.on('error', resolve)
    client.on('end', () => resolve(new Error('the connection was closed')))
  })
  const cutShort: Link['cutShort'] = { notice: undefined }
  client.on('notice', (notice) => {
    if (notice.routine === 'SyncRepWaitForLSN') cutShort.notice = new Error(notice.message)
  })
  let notify = (_processId: number) => {}
  client.on('notification', ({ processId }) => notify(processId))
  await client.connect()
  const link: Link = { client, lost, clock, timeoutMs, nextReady: followReadiness(client), cutShort }
  return {
    query: (config, queryTimeoutMs = timeoutMs) => query(link, config, queryTimeoutMs),
    copy: (text, onData) => copy(link, text, onData),
    onNotified(callback) {
      notify = callback
    },
    announcedProcessId: announcedProcessIdOf(client),
    lost,
    close: () => close(link),
    tls: describeTls(streamOf(client), target.tls),
  }
}

function makeClient(target: PostgresTarget, ssl: ConnectionOptions | false, isDirect: boolean, timeoutMs: number) {
  const { isOn, idleMs } = target.tcpKeepAlive ?? { isOn: true, idleMs: 10_000 }
  return new Client({
    host: target.address ?? target.host,
    port: target.port,
    database: target.database,
    user: target.user,
    // Without a string, `pg` would look for a password in variables and files of its own.
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
}

async function query<Row extends unknown[]>(link: Link, config: Config, timeoutMs: number) {
  const ready = link.nextReady()
  try {
    const answer = await send<Row>(link.client, {
      ...config,
      rowMode: 'array',
      ...(timeoutMs > 0 && { query_timeout: timeoutMs }),
    })
    if (link.cutShort.notice) throw link.cutShort.notice
    return answer
  } catch (error) {
    throw await settleFailure(link, error, ready)
  }
}

function send<Row extends unknown[]>(client: Client, config: QueryArrayConfig & { query_timeout?: number }) {
  if (!config.values?.some((value) => value instanceof Pieces)) return client.query<Row>(config)
  const { query, promise } = makeQueryInPieces<Row>(config)
  client.query(query)
  return promise
}

async function copy(link: Link, text: string, onData: (data: Buffer) => void): Promise<void> {
  let isSilent = false
  const query = makeCopy(text, (data) => {
    isSilent = false
    onData(data)
  })
  const silence = Promise.withResolvers<never>()
  const timer = link.clock.every(link.timeoutMs, () => {
    if (isSilent) silence.reject(new Error(queryTimeout))
    isSilent = true
  })
  const ready = link.nextReady()
  try {
    link.client.query(query)
    await Promise.race([query.done, silence.promise])
  } catch (error) {
    throw await settleFailure(link, error, ready)
  } finally {
    timer.cancel()
  }
}

/**
 * Closes the connection unless the error shows that the statement was rolled back. `pg` passes the severity on in the
 * server's language; that an error was not fatal shows in the server's being ready for the next statement. After a
 * timeout `pg` would go on to queue queries behind the one that hangs.
 */
async function settleFailure(link: Link, error: unknown, ready: Promise<void>): Promise<unknown> {
  if (isRolledBack(error) && !(await isReadyInTime(link, ready))) error.severity = 'FATAL'
  if (!isRolledBack(error)) void close(link)
  return error
}

async function isReadyInTime({ lost, clock, timeoutMs }: Link, ready: Promise<void>): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const timer = clock.after(timeoutMs, () => resolve(false)).unref()
  void ready.then(() => resolve(true))
  void lost.then(() => resolve(false))
  return promise.finally(() => timer.cancel())
}

/** `end` destroys the socket where a query is under way; else it says goodbye, which a dead network never carries. */
async function close({ client, lost, clock }: Link): Promise<void> {
  const deadline = clock.after(1_000, () => streamOf(client)?.destroy())
  await Promise.race([client.end(), lost])
  deadline.cancel()
}

/** Each call stands for the next statement that is sent, in order. */
function followReadiness(client: Client): () => Promise<void> {
  const waiting: (() => void)[] = []
  wireOf(client)?.on('readyForQuery', () => waiting.shift()?.())
  return () => new Promise<void>((resolve) => void waiting.push(resolve))
}

/** The part of `pg` that speaks to the server; it has no public name. */
function wireOf(client: Client): (EventEmitter & { stream?: Socket }) | undefined {
  return (client as unknown as { connection?: EventEmitter & { stream?: Socket } }).connection
}

function streamOf(client: Client): Socket | undefined {
  return wireOf(client)?.stream
}

/** It has no public name either. */
function announcedProcessIdOf(client: Client): number | undefined {
  return (client as unknown as { processID?: number }).processID
}
