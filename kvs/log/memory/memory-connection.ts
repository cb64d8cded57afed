import type { Clock } from '../../lib/clock.ts'
import { makeConnectionLife } from './connection-life.ts'
import { type MemoryServer, type ServerSession, SessionEnded, type Statement } from './memory-server.ts'
import type { Message, Network, StatementKind } from './network.ts'

/** A node's end of one connection. It is ended, and never used again, at the first sign that it is not sound. */
export interface MemoryConnection {
  /**
   * Has the server run a statement, after those asked for before. Rejects with `StatementRefused` where that changed
   * nothing. With any other error the outcome is open, and the connection is gone.
   * @param ms how long the answer may take, the wait for its turn included; the connection's usual time by default
   */
  query<Result>(kind: StatementKind, statement: Statement<Result>, ms?: number): Promise<Result>
  /** A second call replaces the callback. */
  onNotified(callback: () => void): void
  /** Settles once the connection is gone, with the reason. Never rejects. */
  readonly lost: Promise<Error>
  /** Waits for nothing that is under way. The server may still run a statement that is. */
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
  const life = makeConnectionLife(clock, leave)
  let session: ServerSession | undefined
  let isRequestUnderWay = false
  let notified = () => {}
  let turn: Promise<unknown> = Promise.resolve()

  /** The server does what is on its way to it, and then sees that its client is gone. */
  function leave(): void {
    if (life.loss !== undefined && !isRequestUnderWay) session?.end()
  }

  function reset(seenBy: 'both ends' | 'the node'): void {
    if (seenBy === 'both ends') session?.end()
    life.end(new Error('the connection was reset'))
  }

  /** Resolves when the message is there; never where it gets lost. */
  async function carry(kind: Message['kind'], leg: Message['leg']): Promise<void> {
    const fate = await network.carry({ kind, leg, writerId, connection: number })
    if (fate === 'arrives') return
    if (fate === 'reset') reset('both ends')
    if (leg === 'request') isRequestUnderWay = false
    leave()
    await new Promise<never>(() => {})
  }

  async function arrive(): Promise<void> {
    await carry('connect', 'request')
    const accepted = outcomeOf(() => server.connect({ onNotified, onEnded }))
    if ('value' in accepted) session = accepted.value
    leave() // where the node gave up before the request arrived
    await carry('connect', 'answer')
    if ('error' in accepted) throw accepted.error
  }

  /** Sends a statement, which the server runs when it arrives, whether or not anybody waits for it then. */
  async function exchange<Result>(kind: StatementKind, statement: Statement<Result>): Promise<Result> {
    if (life.loss !== undefined || session === undefined) throw life.loss
    const { run } = session
    isRequestUnderWay = true
    await carry(kind, 'request')
    const outcome = outcomeOf(() => run(statement))
    isRequestUnderWay = false
    leave()
    // The end of a session is told by a message of its own.
    if ('error' in outcome && outcome.error instanceof SessionEnded) return new Promise<never>(() => {})
    await carry(kind, 'answer')
    if ('error' in outcome) throw outcome.error
    return outcome.value
  }

  function onNotified(): void {
    void carry('notification', 'answer').then(() => life.loss ?? notified())
  }

  function onEnded(reason: Error): void {
    void carry('end', 'answer').then(() => life.end(reason))
  }

  network.opened?.({ writerId, connection: number, reset })
  await life.bound(arrive(), timeoutMs)

  return {
    query(kind, statement, ms = timeoutMs) {
      const answer = turn.then(() => exchange(kind, statement))
      turn = answer.catch(() => {})
      return life.bound(answer, ms)
    },
    onNotified(callback) {
      notified = callback
    },
    lost: life.lost,
    close: () => life.end(new Error('the connection was closed')),
  }
}

type Outcome<Result> = { readonly value: Result } | { readonly error: unknown }

function outcomeOf<Result>(run: () => Result): Outcome<Result> {
  try {
    return { value: run() }
  } catch (error) {
    return { error }
  }
}
