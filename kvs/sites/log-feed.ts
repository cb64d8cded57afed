import type { AppliedReader } from '../core/applied-reader.ts'
import type { Entry } from '../core/entry.ts'
import { KvsError } from '../core/errors.ts'
import { positionBounds, sequenceIn } from '../core/position.ts'
import type { Feed, FeedQuery, FeedStream } from '../kv/index.ts'
import type { Clock } from '../lib/clock.ts'
import { type LogReader, type MemberEntry, makeWholeBatches, Unavailable, type WholeBatches } from '../log/index.ts'
import { groupBatches } from './batch-groups.ts'
import { asLogDown, isToHear, requireSamePast, type Start, startOf } from './feed-start.ts'
import type { EndCode } from './frames/frame.ts'
import { type FrameWriter, makeFrameWriter } from './frames/frame-writer.ts'
import type { OwnSite } from './own-site.ts'

export interface FeedOptions {
  readonly openReader: () => Promise<LogReader>
  readonly site: OwnSite
  /** The entry that took this site out of its group; undefined where it is a member. */
  readonly removal: () => MemberEntry | undefined
  /** Aborts when the node is told to stop: feeds would go on for ever. */
  readonly stopping: AbortSignal
  readonly clock: Clock
}

/** Each feed holds one of the connections that Postgres has for all nodes of the site, 100 by default. */
const mostFeeds = 16
const signOfLifeMs = 1_000
/** How often a site is told how far this log is while it gets no entries of it, in milliseconds. */
const quietMs = 100
/**
 * Least time between two looks at what there is, in milliseconds. Each costs the other site an append, however few
 * entries it finds. The first write after a quiet moment does not wait.
 */
const gatherMs = 5
/** What is put together before it is sent, in bytes. */
const chunkBytes = 256 * 1024
const mostOfGroup = { entries: 5_000, bytes: 4 * 1024 * 1024 }

/** Makes the feed of this node's log, for other sites. */
export function makeFeed(options: FeedOptions): Feed {
  let feeds = 0
  return {
    async open(query) {
      if (options.stopping.aborted) throw new KvsError('draining')
      options.site.requireReadable()
      if (!isToHear(options.removal(), query)) throw new KvsError('removed')
      if (feeds >= mostFeeds) throw new KvsError('overloaded', `${mostFeeds} sites follow this node already`)
      feeds++
      const close = once(() => feeds--)
      try {
        return await openStream(options, query, close)
      } catch (error) {
        close()
        throw error
      }
    },
  }
}

function once(act: () => void): () => void {
  let isDone = false
  return () => {
    if (!isDone) act()
    isDone = true
  }
}

async function openStream(options: FeedOptions, query: FeedQuery, onClose: () => void): Promise<FeedStream> {
  const reader = await options.openReader().catch(asLogDown)
  try {
    await requireSamePast(reader, query)
    return new Stream(options, reader, query, await startOf(options.site, reader, query).catch(asLogDown), onClose)
  } catch (error) {
    void reader.close()
    throw error
  }
}

/** The frames of one feed, made as the other site takes them. */
class Stream implements FeedStream {
  readonly stopping: AbortSignal
  private readonly options: FeedOptions
  private readonly reader: LogReader
  private readonly applied: AppliedReader
  private readonly query: FeedQuery
  private readonly frames: FrameWriter
  private readonly batches: WholeBatches = makeWholeBatches()
  /** Sequence through which all was sent. */
  private sent: bigint
  /** What the log has of each origin through there, and its highest stamp. */
  private readonly reached: Map<string, bigint>
  private highestStamp: number
  /** Moment of the last look, where it came to the end. */
  private readAt = Number.NEGATIVE_INFINITY
  /** Sequence that the other site was told last, and the moment. */
  private told = { sequence: 0n, at: 0 }
  private isOver = false
  private lost: Error | undefined = undefined
  private wake: () => void = () => undefined
  private readonly forget: () => void

  constructor(
    options: FeedOptions,
    reader: LogReader,
    query: FeedQuery,
    { after, reached }: Start,
    onClose: () => void,
  ) {
    this.options = options
    this.stopping = options.stopping
    this.reader = reader
    this.applied = options.site.readApplied()
    this.query = query
    this.sent = after
    this.reached = new Map(reached.sequences)
    this.highestStamp = reached.stamp
    this.frames = makeFrameWriter()
    this.frames.write({ type: 'hello', logId: reader.logId, after })
    this.noteReached()
    const wake = () => this.wake()
    void reader.lost.then((error) => {
      this.lost = error
      wake()
    })
    const forgetAdvances = options.site.onAdvance(wake)
    options.stopping.addEventListener('abort', wake)
    this.forget = () => {
      forgetAdvances()
      options.stopping.removeEventListener('abort', wake)
      onClose()
    }
  }

  async next(): Promise<Buffer | undefined> {
    if (this.isOver) return undefined
    try {
      while (!this.isOver && this.frames.waitingBytes === 0) await this.fill()
    } catch (error) {
      const code = error instanceof KvsError ? 'diverged' : 'unavailable'
      this.end(code, error instanceof Error ? error.message : String(error))
    }
    return Buffer.concat(this.frames.take())
  }

  close(): void {
    if (this.isOver) return
    this.isOver = true
    this.applied.close()
    void this.reader.close()
    this.wake()
    this.forget()
  }

  /**
   * Puts frames together until they are enough, there is no more for now, or a sign of life is due: entries that are
   * left out, and large batches, may take long to read.
   */
  private async fill(): Promise<void> {
    const { site, stopping, clock } = this.options
    if (site.sequence() <= this.sent && !stopping.aborted && !this.lost) await this.waitForMore()
    const early = this.readAt + gatherMs - clock.now()
    if (site.sequence() > this.sent && early > 0) await clock.sleep(early, stopping)
    const end = this.options.removal()?.sequence
    if (end !== undefined && this.sent >= end) return this.end('stopping', 'this site was taken out of its group')
    if (stopping.aborted) return this.end('stopping', 'the node stops')
    if (this.lost) throw this.lost
    site.requireReadable()
    const begunAt = clock.now()
    // No further: while somebody writes there is always more, and the other site waits for this.
    const applied = site.sequence()
    const through = end !== undefined && end < applied ? end : applied
    const isBehind = () => this.sent < through
    while (isBehind() && this.frames.waitingBytes < chunkBytes && clock.now() - begunAt < signOfLifeMs) {
      for (const group of groupBatches(await this.readBatches(through), mostOfGroup)) {
        const before = this.frames.waitingBytes
        for (const entry of group) this.add(entry)
        if (this.frames.waitingBytes > before) this.noteReached()
      }
      if (!isBehind()) this.readAt = begunAt
    }
    if (this.frames.waitingBytes === 0 && this.untilTold() <= 0) this.noteReached()
  }

  /** How long there may be nothing to tell, in milliseconds. */
  private untilTold(): number {
    const { sequence, at } = this.told
    return at + (this.sent > sequence ? quietMs : signOfLifeMs) - this.options.clock.now()
  }

  /**
   * The next whole batches: what the view has just applied or, where that is not all, the next page of the log. What is
   * left of a batch waits for the next page.
   */
  private async readBatches(through: bigint): Promise<readonly Entry[]> {
    const applied = this.applied.take(this.sent, through)
    if (applied !== undefined) {
      this.batches.clear()
      return applied
    }
    const page = await this.reader.read(this.batches.readThrough ?? this.sent, through)
    if (page.length === 0) throw new Unavailable(`the log breaks off before ${through}`)
    return this.batches.take(page, through)
  }

  private add(entry: Entry): void {
    const { site, have } = this.query
    const origin = entry.origin ?? { logId: this.reader.logId, sequence: entry.sequence }
    this.sent = entry.sequence
    this.reached.set(origin.logId, origin.sequence)
    this.highestStamp = Math.max(this.highestStamp, entry.stamp)
    if (origin.logId === site || origin.sequence <= sequenceIn(have, origin.logId)) return
    const { stamp, superseded, write } = entry
    this.frames.write({ type: 'entry', sequence: entry.sequence, origin, stamp, superseded, write })
  }

  private noteReached(): void {
    const { site, clock } = this.options
    const head = site.sequence()
    const sequence = this.sent
    this.told = { sequence, at: clock.now() }
    this.frames.write({
      type: 'reached',
      ...{ sequence, head: head > sequence ? head : sequence, time: site.now() },
      position: {
        sequences: new Map(this.reached),
        stamp: this.reached.size < positionBounds.parts ? this.highestStamp : 0,
      },
    })
  }

  private end(code: EndCode, sentence: string): void {
    this.frames.write({ type: 'end', code, sentence })
    this.close()
  }

  private async waitForMore(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.wake = resolve
    const timer = this.options.clock.after(Math.max(0, this.untilTold()), resolve)
    await promise
    timer.cancel()
  }
}
