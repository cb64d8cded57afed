import type { FeedQuery, FeedStream } from '../../../kvs/kv/index.ts'
import type { SeededRandom } from '../../lab/seeded-random.ts'
import type { Server } from '../requester.ts'
import type { Lane } from '../scheduler.ts'
import type { Trace } from '../trace.ts'
import { makeReceiver, type Receiver } from './feed-receiver.ts'
import type { Paths } from './paths.ts'
import type { Ends } from './site-requests.ts'

/** One request for a feed, with its answer that goes on, as `kvs/sites/http-peer.ts` and its server have it. */
export interface FeedConnection extends Pick<Receiver, 'opened'> {
  /** Breaks it for both ends, in the middle of the chunk that is under way. */
  reset(): void
  /** Nothing arrives any more until the returned function is called. */
  stall(): () => void
  /** The process that opened it is gone: the other end is told. */
  leave(): void
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

/** When a machine takes a connection for lost from which nothing comes, at the latest. */
const keepaliveMs = 15_000

/** What is between the two ends. */
interface Wire {
  /** Calls that wait until nothing holds the wire up. */
  readonly stalls: Stalls
  /** The piece that is on its way. */
  underWay: Buffer | undefined
  /** What the node serves the feed with; undefined before it does. */
  served: { readonly lane: Lane; readonly stream: FeedStream } | undefined
}

export function makeFeedConnection(options: FeedConnectionOptions): FeedConnection {
  const { ends, paths, lane, random } = options
  const wire: Wire = { stalls: makeStalls(), underWay: undefined, served: undefined }
  const receiver = makeReceiver(options, () => {
    lane.after(keepaliveMs, closeServer)
    void paths.cross(ends.client, ends.server).then(closeServer)
  })

  /** The server's end is over, as it has learned. */
  function closeServer(): void {
    options.onOver()
    const { served } = wire
    served?.lane.after(0, () => served.stream.close())
  }

  async function connect(): Promise<void> {
    await paths.cross(ends.client, ends.server)
    if (receiver.isLeft) return
    const server = ends.node.server()
    if (server === undefined) await tell(options, receiver, () => receiver.fail('refuses the connection'))
    else server.lane.after(0, () => void serve(options, wire, receiver, server))
  }

  void connect()
  return {
    opened: receiver.opened,
    reset() {
      const { underWay } = wire
      const part = underWay?.subarray(0, random.integer(0, underWay.length))
      ends.process.after(0, () => {
        if (part !== undefined && receiver.isOpen && !receiver.isLeft) receiver.push(part)
        receiver.fail('is cut off in the middle')
      })
      closeServer()
    },
    stall: wire.stalls.add,
    leave: receiver.leave,
  }
}

/** Runs `act` at the process that follows, once what is sent there now arrives. */
async function tell({ ends, paths }: FeedConnectionOptions, receiver: Receiver, act: () => void): Promise<void> {
  await paths.cross(ends.server, ends.client)
  ends.process.after(0, () => {
    if (!receiver.isLeft) act()
  })
}

/** The node's end: it answers, and goes on as long as there is something, and somebody to take it. */
async function serve(options: FeedConnectionOptions, wire: Wire, receiver: Receiver, server: Server): Promise<void> {
  server.onceEnded(() => void tell(options, receiver, () => receiver.fail('resets the connection')))
  try {
    const stream = await server.sites?.feed.open(options.query)
    if (stream === undefined) throw new Error('it has no feed')
    wire.served = { lane: server.lane, stream }
    if (receiver.isLeft) return stream.close()
    await tell(options, receiver, () => receiver.open())
    await pump(options, wire, receiver, { lane: server.lane, stream })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    await tell(options, receiver, () => receiver.fail(`answers: ${reason}`, error))
  }
}

async function pump(
  options: FeedConnectionOptions,
  wire: Wire,
  receiver: Receiver,
  { lane, stream }: NonNullable<Wire['served']>,
): Promise<void> {
  const { ends, paths, random } = options
  for (let chunk = await stream.next(); chunk !== undefined; chunk = await stream.next()) {
    for (const piece of piecesOf(chunk, random)) {
      wire.underWay = piece
      await paths.cross(ends.server, ends.client)
      await wire.stalls.over()
      if (receiver.isLeft) return
      wire.underWay = undefined
      await new Promise<void>((resolve) => ends.process.after(0, () => resolve(receiver.arrive(piece))))
    }
    await receiver.empty()
    await paths.cross(ends.client, ends.server)
    await new Promise<void>((resolve) => lane.after(0, resolve))
  }
  await tell(options, receiver, () => receiver.end())
}

/** A chunk arrives in as many pieces as the network likes. */
function piecesOf(chunk: Buffer, random: SeededRandom): Buffer[] {
  if (chunk.length < 2 || random.chance(0.5)) return [chunk]
  const middle = random.integer(1, chunk.length - 1)
  return [chunk.subarray(0, middle), chunk.subarray(middle)]
}

interface Stalls {
  /** Holds everything up until the returned function is called. */
  add(): () => void
  /** Resolves once nothing is held up. */
  over(): Promise<void>
}

function makeStalls(): Stalls {
  let count = 0
  let released = Promise.withResolvers<void>()
  return {
    add() {
      count++
      return () => {
        count--
        released.resolve()
        released = Promise.withResolvers<void>()
      }
    },
    async over() {
      while (count > 0) await released.promise
    },
  }
}
