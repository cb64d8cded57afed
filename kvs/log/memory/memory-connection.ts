import type { Clock } from '../../lib/clock.ts'
import { type MemoryServer, type ServerSession, SessionEnded } from './memory-server.ts'
import type { Message, Network, StatementKind } from './network.ts'
import type { Tables } from './tables.ts'

/** A statement runs on the server, all of it at one moment. It is given the server's clock, in seconds since 1970. */
export type Statement<Result> = (tables: Tables, serverSeconds: number) => Result

/** A node's end of one connection. It is ended, and never used again, at the first sign that it is not sound. */
export interface MemoryConnection {
  /**
   * Has the server run a statement after those asked for before. Rejects with `StatementRefused` where that has changed nothing; with any
   * other error the outcome is open, and the connection is over.
   * @param timeoutMs how long the answer may take, waiting for its turn included
   */
  query<Result>(kind: StatementKind, statement: Statement<Result>, timeoutMs?: number): Promise<Result>
  onNotified(callback: () => void): void
  /** Settles once the connection is gone, with the reason. Never rejects. */
  readonly lost: Promise<Error>
  /** Waits for nothing that is still under way. The server may still run a statement that is. */
  close(): void
}

export interface ConnectionOptions {
  readonly server: MemoryServer
  readonly network: Network
  readonly clock: Clock
  readonly writerId: string
  /** The connection's number among its node's. */
  readonly number: number
  /** How long connecting, or the answer to one statement, may take before the connection counts as lost. */
  readonly timeoutMs: number
}

/** Rejects with what the server says, or where no answer comes in time. */
export async function connect(options: ConnectionOptions): Promise<MemoryConnection> {
  const { server, network, clock, writerId, number, timeoutMs } = options
  const ended = Promise.withResolvers<Error>()
  const waiting = new Set<(reason: Error) => void>()
  let session: ServerSession | undefined
  let loss: Error | undefined
  let isRequestUnderWay = false
  let notified = () => {}
  let turn: Promise<unknown> = Promise.resolve()

  function lose(reason: Error): void {
    if (loss !== undefined) return
    loss = reason
    ended.resolve(reason)
    for (const reject of waiting) reject(reason)
    leave()
  }

  /** The server does what is on its way to it, and then sees that its client is gone. */
  function leave(): void {
    if (loss !== undefined && !isRequestUnderWay) session?.end()
  }

  function reset(seenBy: 'both ends' | 'the node'): void {
    if (seenBy === 'both ends') {
      isRequestUnderWay = false
      session?.end()
    }
    lose(new Error('the connection was reset'))
  }

  /** Resolves when the message is there; never where it gets lost. */
  async function carry(kind: Message['kind'], leg: Message['leg']): Promise<void> {
    const fate = await network.carry({ kind, leg, writerId, connection: number })
    if (fate === 'arrives') return
    if (leg === 'request') isRequestUnderWay = false
    if (fate === 'reset') reset('both ends')
    leave()
    await new Promise<never>(() => {})
  }

  /** Rejects, and ends the connection, where the answer is not there in time; rejects where the connection is lost meanwhile. */
  async function bounded<Result>(answer: Promise<Result>, boundMs: number): Promise<Result> {
    const failure = Promise.withResolvers<never>()
    if (loss !== undefined) failure.reject(loss)
    waiting.add(failure.reject)
    const timer = clock.after(boundMs, () => lose(new Error('no answer came in time')))
    return Promise.race([failure.promise, answer]).finally(() => {
      timer.cancel()
      waiting.delete(failure.reject)
    })
  }

  /** What the server tells of itself. */
  const client = {
    onNotified: () => void carry('notification', 'answer').then(() => loss ?? notified()),
    onEnded: (reason: Error) => void carry('end', 'answer').then(() => lose(reason)),
  }

  async function arrive(): Promise<void> {
    await carry('connect', 'request')
    let refusal: unknown
    try {
      session = server.connect(client)
    } catch (error) {
      refusal = error
    }
    leave()
    await carry('connect', 'answer')
    if (refusal !== undefined) throw refusal
  }

  /** Sends a statement, which the server runs when it arrives, whether or not anybody waits for it then. */
  async function exchange<Result>(kind: StatementKind, statement: Statement<Result>): Promise<Result> {
    if (loss !== undefined || session === undefined) throw loss
    isRequestUnderWay = true
    await carry(kind, 'request')
    const answer = runOn(session, statement)
    isRequestUnderWay = false
    leave()
    // The end of the session is told by a message of its own.
    if (answer === undefined) return new Promise<never>(() => {})
    await carry(kind, 'answer')
    return answer()
  }

  network.opened?.({ writerId, connection: number, reset })
  await bounded(arrive(), timeoutMs)

  return {
    query(kind, statement, boundMs = timeoutMs) {
      const answer = turn.then(() => exchange(kind, statement))
      turn = answer.catch(() => {})
      return bounded(answer, boundMs)
    },
    onNotified(callback) {
      notified = callback
    },
    lost: ended.promise,
    close: () => lose(new Error('the connection was closed')),
  }
}

/** What comes of a statement, as a function that returns or throws it; undefined where the session is over. */
function runOn<Result>(session: ServerSession, statement: Statement<Result>): (() => Result) | undefined {
  try {
    const result = session.run(statement)
    return () => result
  } catch (error) {
    if (error instanceof SessionEnded) return undefined
    return () => {
      throw error
    }
  }
}
