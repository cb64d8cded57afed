import type { ForeignEntry } from '../core/entry.ts'
import { weight } from '../core/operation/operation.ts'
import { logsIn, type Position, sequenceIn } from '../core/position.ts'
import type { FeedQuery } from '../kv/index.ts'
import type { LogImport } from '../log/index.ts'
import type { Frame, FrameLimits, ReachedFrame } from './frames/frame.ts'
import { makeFrameReader } from './frames/frame-reader.ts'
import type { Intake } from './intake.ts'

/** Opens the feed of another site. Rejects with an error whose message is a sentence for the operator. */
export type OpenFeed = (query: FeedQuery, signal: AbortSignal) => Promise<AsyncIterable<Buffer>>

export interface PullOptions {
  readonly open: OpenFeed
  readonly target: LogImport
  readonly intake: Intake
  readonly limits: FrameLimits
  /** Told of the stream's progress. */
  readonly progress: PullProgress
}

export interface PullProgress {
  /**
   * The stream begins, and this is the id of the log at its other end. Returns why it must not be followed; undefined
   * where it may.
   */
  met(logId: string): string | undefined
  /** All of the other log through `sequence` is in this site's log; `head` is its end as the other site knows it. */
  reached(at: Omit<ReachedFrame, 'type'>): void
  /** An entry's stamp, before it is stored. */
  stamped(stamp: number): void
}

/** The other site ended the stream, or sent what it must not. */
export class PullEnded extends Error {
  override readonly name = 'PullEnded'
}

/** The log at the other end is not to be followed there. */
export class NotToFollow extends Error {
  override readonly name = 'NotToFollow'
}

/** How much may wait to be appended before the stream is held back, in bytes. */
const mostPending = 16 * 1024 * 1024

/**
 * Follows another site's log over one stream, from what this site's log has of it. Never resolves: rejects with what
 * ended the stream, once all that it brought is in the log or given up.
 * @param after how far the log at the other end was followed before; `nowhere` where it was not
 */
export async function pull(options: PullOptions, after: Position, signal: AbortSignal): Promise<never> {
  const { open, target, limits } = options
  const query: FeedQuery = {
    site: target.logId,
    have: target.position,
    stamps: new Map([...logsIn(target.position)].map((logId) => [logId, target.lastStampOf(logId) ?? 0])),
    after,
  }
  const chunks = await open(query, signal)
  const reader = makeFrameReader(limits)
  const stream = makeStream(options, query)
  try {
    for await (const chunk of chunks) {
      reader.push(chunk, stream.take)
      await stream.relief()
    }
    reader.end()
    throw new PullEnded('the other site ended the connection')
  } finally {
    await stream.settled()
  }
}

interface PullStream {
  take(frame: Frame): void
  /** Resolves once little enough waits to be appended. Rejects where an append failed. */
  relief(): Promise<void>
  /** Resolves once nothing is under way any more. Never rejects. */
  settled(): Promise<void>
}

function makeStream({ intake, progress, target }: PullOptions, { have, after }: FeedQuery): PullStream {
  let batch: ForeignEntry[] = []
  let bytes = 0
  let pending = 0
  let appends: Promise<void> = Promise.resolve()
  let failure: { readonly error: unknown } | undefined

  function add(at: ReachedFrame): void {
    const [entries, size] = [batch, bytes]
    ;[batch, bytes] = [[], 0]
    pending += size
    const added = entries.length === 0 ? Promise.resolve() : intake.add(entries)
    const before = appends
    appends = added.then(async () => {
      await before
      pending -= size
      progress.reached(at)
    })
    appends.catch((error) => {
      failure = { error }
    })
  }

  return {
    take(frame) {
      switch (frame.type) {
        case 'hello': {
          const obstacle = progress.met(frame.logId)
          if (obstacle !== undefined) throw new NotToFollow(obstacle)
          const known = [have, after].map((position) => sequenceIn(position, frame.logId))
          if (known.every((sequence) => frame.after > sequence)) throw new PullEnded('the other site skips entries')
          return
        }
        case 'entry':
          // Sent all the same where another site has brought it meanwhile
          if (frame.origin.logId === target.logId) throw new PullEnded('the other site sends this site’s entries')
          progress.stamped(frame.stamp)
          batch.push(frame)
          bytes += weight(frame.write)
          return
        case 'reached':
          return add(frame)
        case 'end':
          throw new PullEnded(frame.sentence)
      }
    },
    async relief() {
      if (failure) throw failure.error
      if (pending > mostPending) await appends
    },
    settled: () => appends.catch(() => undefined),
  }
}
