import type { Entry } from '../core/entry.ts'
import { KvsError } from '../core/errors.ts'
import { type Position, sequenceIn } from '../core/position.ts'
import type { Feed, FeedQuery, FeedStream } from '../kv/index.ts'
import type { Clock } from '../lib/clock.ts'
import { type LogReader, makeWholeBatches, Unavailable, type WholeBatches } from '../log/index.ts'
import type { EndCode } from './frames/frame.ts'
import { type FrameWriter, makeFrameWriter } from './frames/frame-writer.ts'
import type { OwnSite } from './own-site.ts'

export interface FeedOptions {
  readonly openReader: () => Promise<LogReader>
  readonly site: OwnSite
  /** Whether this site was taken out of its group. */
  readonly isRemoved: () => boolean
  /** Aborts when the node is told to stop: feeds would go on for ever. */
  readonly stopping: AbortSignal
  readonly clock: Clock
}

/** A feed holds a connection to Postgres each. */
const mostFeeds = 16
const signOfLifeMs = 1_000
/** What is put together before it is sent, in bytes. */
const chunkBytes = 256 * 1024

/** Makes the feed of this node's log, for other sites. */
export function makeFeed(options: FeedOptions): Feed {
  let feeds = 0
  return {
    async open(query) {
      if (options.stopping.aborted) throw new KvsError('draining')
      options.site.requireReadable()
      if (options.isRemoved()) throw new KvsError('removed')
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
    const known = sequenceIn(query.have, reader.logId)
    const before = sequenceIn(query.after, reader.logId)
    const after = before > known ? before : known
    const reached = await reader.positionThrough(after).catch(asLogDown)
    return new Stream(options, reader, query, { after, reached }, onClose)
  } catch (error) {
    void reader.close()
    throw error
  }
}

function asLogDown(error: unknown): never {
  if (!(error instanceof Unavailable)) throw error
  throw new KvsError('log_down', `the log can’t be read: ${error.message}`)
}

/** Rejects with `went_back` where the log does not have the last entry that the other site has of it. */
async function requireSamePast(reader: LogReader, { have, stamps }: FeedQuery): Promise<void> {
  const sequence = sequenceIn(have, reader.logId)
  if (sequence === 0n) return
  const stamp = await reader.stampAt(sequence).catch(asLogDown)
  if (stamp !== undefined && stamp === stamps.get(reader.logId)) return
  const what = stamp === undefined ? 'it has no such entry' : 'it has another entry there'
  throw new KvsError(
    'went_back',
    `the log ${reader.logId} is not the one that its entries up to ${sequence} were taken over from: ${what}`,
  )
}

/** The frames of one feed, made as the other site takes them. */
class Stream implements FeedStream {
  private readonly options: FeedOptions
  private readonly reader: LogReader
  private readonly query: FeedQuery
  private readonly frames: FrameWriter
  private readonly batches: WholeBatches = makeWholeBatches()
  /** Sequence through which all was sent. */
  private sent: bigint
  /** What the log has of each origin through there. */
  private readonly reached: Map<string, bigint>
  private isOver = false
  private lost: Error | undefined = undefined
  private wake: () => void = () => undefined
  private readonly forget: () => void

  constructor(
    options: FeedOptions,
    reader: LogReader,
    query: FeedQuery,
    { after, reached }: { readonly after: bigint; readonly reached: Position },
    onClose: () => void,
  ) {
    this.options = options
    this.reader = reader
    this.query = query
    this.sent = after
    this.reached = new Map(reached.sequences)
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
      if (this.frames.waitingBytes === 0) await this.fill()
    } catch (error) {
      this.end('unavailable', error instanceof Error ? error.message : String(error))
    }
    return Buffer.concat(this.frames.take())
  }

  close(): void {
    if (this.isOver) return
    this.isOver = true
    void this.reader.close()
    this.wake()
    this.forget()
  }

  /** Puts frames together until they are enough, or there is no more for now. */
  private async fill(): Promise<void> {
    const { site, stopping } = this.options
    if (site.sequence() <= this.sent) await this.waitForMore()
    if (this.options.isRemoved()) return this.end('stopping', 'this site was taken out of its group')
    if (stopping.aborted) return this.end('stopping', 'the node stops')
    if (this.lost) throw this.lost
    do {
      const through = site.sequence()
      if (through <= this.sent) break
      for (const entry of await this.readBatches(through)) this.add(entry)
    } while (this.frames.waitingBytes < chunkBytes)
    this.noteReached()
  }

  /** The next page's whole batches; what is left of one waits for the next page. */
  private async readBatches(through: bigint): Promise<readonly Entry[]> {
    const page = await this.reader.read(this.batches.readThrough ?? this.sent, through)
    if (page.length === 0) throw new Unavailable(`the log breaks off before ${through}`)
    return this.batches.take(page, through)
  }

  private add(entry: Entry): void {
    const { site, have } = this.query
    const origin = entry.origin ?? { logId: this.reader.logId, sequence: entry.sequence }
    this.sent = entry.sequence
    this.reached.set(origin.logId, origin.sequence)
    if (origin.logId === site || origin.sequence <= sequenceIn(have, origin.logId)) return
    const { stamp, superseded, write } = entry
    this.frames.write({ type: 'entry', sequence: entry.sequence, origin, stamp, superseded, write })
  }

  private noteReached(): void {
    const { site } = this.options
    const head = site.sequence()
    const sequence = this.sent
    this.frames.write({
      type: 'reached',
      ...{ sequence, head: head > sequence ? head : sequence, time: site.now() },
      position: { sequences: new Map(this.reached), stamp: 0 },
    })
  }

  private end(code: EndCode, sentence: string): void {
    this.frames.write({ type: 'end', code, sentence })
    this.close()
  }

  private async waitForMore(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.wake = resolve
    const timer = this.options.clock.after(signOfLifeMs, resolve)
    await promise
    timer.cancel()
  }
}
