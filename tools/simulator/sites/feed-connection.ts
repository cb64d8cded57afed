import type { FeedQuery, FeedStream } from '../../../kvs/kv/index.ts'
import type { Timer } from '../../../kvs/lib/clock.ts'
import type { SeededRandom } from '../../lab/seeded-random.ts'
import type { Node } from '../node.ts'
import type { Server } from '../requester.ts'
import type { Lane } from '../scheduler.ts'
import type { Trace } from '../trace.ts'
import type { Paths } from './paths.ts'

/** One request for a feed, with its answer that goes on, as `kvs/sites/http-peer.ts` and its server have it. */
export interface FeedConnection {
  /** As `OpenFeed` answers. */
  readonly opened: Promise<AsyncIterable<Buffer>>
  /** Breaks it for both ends, in the middle of the chunk that is under way. */
  reset(): void
  /** Nothing arrives any more until the returned function is called. */
  stall(): () => void
  /** The process that opened it is gone: the other end is told. */
  leave(): void
}

/** Who follows whom. */
export interface Ends {
  /** Site of the process that follows. */
  readonly client: number
  /** Site of the node that is followed. */
  readonly server: number
  readonly process: Lane
  readonly node: Node
}

export interface FeedConnectionOptions {
  readonly ends: Ends
  readonly query: FeedQuery
  readonly signal: AbortSignal
  readonly paths: Paths
  /** What is under way goes on, whoever is killed. */
  readonly lane: Lane
  readonly random: SeededRandom
  readonly trace: Trace
  /** Called when both ends are over with it. */
  readonly onOver: () => void
}

/** As `kvs/sites/http-peer.ts` has them. */
const silenceMs = 5_000
const answerMs = 10_000
/** When a machine takes a connection for lost from which nothing comes, at the latest. */
const keepaliveMs = 15_000

export function makeFeedConnection(options: FeedConnectionOptions): FeedConnection {
  const { ends, query, signal, paths, lane, random, trace } = options
  const opened = Promise.withResolvers<AsyncIterable<Buffer>>()
  const inbox = makeInbox(ends.process)
  const life = { isLeft: false, isOpen: false, stalls: 0 }
  let served: { readonly lane: Lane; readonly stream: FeedStream } | undefined
  let underWay: Buffer | undefined
  let released = Promise.withResolvers<void>()
  let silence: Timer = ends.process.after(answerMs, () => fail('gives no sign of life'))
  const forget = () => signal.removeEventListener('abort', abort)
  signal.addEventListener('abort', abort)
  function abort(): void {
    fail('is followed no more')
  }

  /** The client's end is over, and the server's end once that learns of it. */
  function fail(reason: string): void {
    if (life.isLeft) return
    trace.add(ends.node.name, `feed to ${query.site} ${reason}`)
    const error = new Error(`${ends.node.name} ${reason}`)
    opened.reject(error)
    inbox.end(error)
    leave()
  }

  function leave(): void {
    if (life.isLeft) return
    life.isLeft = true
    silence.cancel()
    forget()
    lane.after(keepaliveMs, closeServer)
    void paths.cross(ends.client, ends.server).then(closeServer)
  }

  function closeServer(): void {
    options.onOver()
    served?.lane.after(0, () => served?.stream.close())
  }

  /** Runs `act` at the client, once what is sent there now arrives. */
  async function tellClient(act: () => void): Promise<void> {
    await paths.cross(ends.server, ends.client)
    ends.process.after(0, () => {
      if (!life.isLeft) act()
    })
  }

  function arrive(piece: Buffer): void {
    silence.cancel()
    silence = ends.process.after(silenceMs, () => fail('gives no sign of life'))
    inbox.push(piece)
  }

  async function serve(server: Server): Promise<void> {
    server.onceEnded(() => void tellClient(() => fail('resets the connection')))
    try {
      const stream = await server.feed?.open(query)
      if (stream === undefined) throw new Error('it has no feed')
      served = { lane: server.lane, stream }
      if (life.isLeft) return stream.close()
      await tellClient(() => {
        life.isOpen = true
        opened.resolve(inbox.read(() => leave()))
        silence.cancel()
        silence = ends.process.after(silenceMs, () => fail('gives no sign of life'))
      })
      await pump(server, stream)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      await tellClient(() => fail(`answers: ${reason}`))
    }
  }

  async function pump(server: Server, stream: FeedStream): Promise<void> {
    for (let chunk = await stream.next(); chunk !== undefined; chunk = await stream.next()) {
      for (const piece of piecesOf(chunk, random)) {
        underWay = piece
        await paths.cross(ends.server, ends.client)
        while (life.stalls > 0) await released.promise
        if (life.isLeft) return
        underWay = undefined
        await new Promise<void>((resolve) => ends.process.after(0, () => resolve(arrive(piece))))
      }
      await inbox.empty()
      await paths.cross(ends.client, ends.server)
      await new Promise<void>((resolve) => server.lane.after(0, resolve))
    }
    await tellClient(() => inbox.end(undefined))
  }

  async function connect(): Promise<void> {
    await paths.cross(ends.client, ends.server)
    if (life.isLeft) return
    const server = ends.node.server()
    if (server === undefined) await tellClient(() => fail('refuses the connection'))
    else server.lane.after(0, () => void serve(server))
  }

  void connect()
  return {
    opened: opened.promise,
    reset() {
      const part = underWay?.subarray(0, random.integer(0, underWay.length))
      ends.process.after(0, () => {
        if (part !== undefined && life.isOpen && !life.isLeft) inbox.push(part)
        fail('is cut off in the middle')
      })
      closeServer()
    },
    stall() {
      life.stalls++
      return () => {
        life.stalls--
        released.resolve()
        released = Promise.withResolvers<void>()
      }
    },
    leave,
  }
}

/** A chunk arrives in as many pieces as the network likes. */
function piecesOf(chunk: Buffer, random: SeededRandom): Buffer[] {
  if (chunk.length < 2 || random.chance(0.5)) return [chunk]
  const middle = random.integer(1, chunk.length - 1)
  return [chunk.subarray(0, middle), chunk.subarray(middle)]
}

interface Inbox {
  push(piece: Buffer): void
  /** No more comes; undefined for an orderly end. */
  end(error: Error | undefined): void
  /** Resolves once the reader has taken everything. */
  empty(): Promise<void>
  /** @param onLeft called where the reader wants no more */
  read(onLeft: () => void): AsyncIterable<Buffer>
}

function makeInbox(process: Lane): Inbox {
  const pieces: Buffer[] = []
  let end: { readonly error: Error | undefined } | undefined
  let wake = () => {}
  let taken = () => {}

  async function* read(onLeft: () => void) {
    try {
      for (;;) {
        const piece = pieces.shift()
        if (piece !== undefined) yield piece
        else if (end?.error) throw end.error
        else if (end) return
        else {
          taken()
          await new Promise<void>((resolve) => {
            wake = resolve
          })
        }
      }
    } finally {
      onLeft()
    }
  }

  return {
    push(piece) {
      pieces.push(piece)
      wake()
    },
    end(error) {
      end ??= { error }
      process.after(0, () => wake())
    },
    empty: () =>
      new Promise((resolve) => {
        if (pieces.length === 0) resolve()
        else taken = resolve
      }),
    read,
  }
}
