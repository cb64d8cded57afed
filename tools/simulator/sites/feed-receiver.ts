import type { Timer } from '../../../kvs/lib/clock.ts'
import type { FeedConnectionOptions } from './feed-connection.ts'
import { makeInbox } from './feed-inbox.ts'
import { answerMs, asClientSees } from './site-requests.ts'

/** The end of the process that follows. */
export interface Receiver {
  /** As `OpenFeed` answers. */
  readonly opened: Promise<AsyncIterable<Buffer>>
  /** Whether the answer has begun. */
  readonly isOpen: boolean
  /** Whether this end is over. */
  readonly isLeft: boolean
  /** The answer begins. */
  open(): void
  /** A piece arrives, which shows that there is life. */
  arrive(piece: Buffer): void
  /** The last piece before the connection breaks. */
  push(piece: Buffer): void
  /** The answer ends in order. */
  end(): void
  /** Resolves once the reader has taken everything. */
  empty(): Promise<void>
  /** This end is over, for a reason that goes on the name of the node that is followed. */
  fail(reason: string, cause?: unknown): void
  leave(): void
}

/** As `kvs/sites/http-peer.ts` has it. */
const silenceMs = 5_000

/** @param onLeft called once, when this end is over */
export function makeReceiver({ ends, query, signal, trace }: FeedConnectionOptions, onLeft: () => void): Receiver {
  const opened = Promise.withResolvers<AsyncIterable<Buffer>>()
  const inbox = makeInbox(ends.process)
  const life = { isOpen: false, isLeft: false }
  const silentAfter = (ms: number): Timer => ends.process.after(ms, () => fail('gives no sign of life'))
  let silence = silentAfter(answerMs)
  const abort = () => fail('is followed no more')
  signal.addEventListener('abort', abort)

  function fail(reason: string, cause?: unknown): void {
    if (life.isLeft) return
    trace.add(ends.node.name, `feed to ${query.site} ${reason}`)
    const error = asClientSees(`${ends.node.name} ${reason}`, cause)
    opened.reject(error)
    inbox.end(error)
    leave()
  }

  function leave(): void {
    if (life.isLeft) return
    life.isLeft = true
    silence.cancel()
    signal.removeEventListener('abort', abort)
    onLeft()
  }

  return {
    opened: opened.promise,
    get isOpen() {
      return life.isOpen
    },
    get isLeft() {
      return life.isLeft
    },
    open() {
      life.isOpen = true
      opened.resolve(inbox.read(leave))
      silence.cancel()
      silence = silentAfter(silenceMs)
    },
    arrive(piece) {
      silence.cancel()
      silence = silentAfter(silenceMs)
      inbox.push(piece)
    },
    push: inbox.push,
    end: () => inbox.end(undefined),
    empty: inbox.empty,
    ...{ fail, leave },
  }
}
