import { type EntryReader, type KeyMover, type RingLog, Unavailable, Undecided } from '../../../kvs/log/index.ts'
import type { Lane } from '../../../tools/simulator/scheduler.ts'
import { isOvertaken, type LogEntry, readEntry, type WorldLog } from './world-log.ts'
import type { WorldParts } from './world-parts.ts'

/** How long an append is waited for, in milliseconds. */
const appendMs = 500

/** What a node asks of its log, on its lane. Appends that it is not told of may land long after, or never. */
export function makeWorldRingLog(parts: WorldParts, lane: Lane, logOf: () => WorldLog): RingLog {
  return {
    async append(text, seen, vacated) {
      await parts.delay(lane)
      const log = logOf()
      const session = ++log.sessions
      // Nothing lands for a session once another one has taken its place.
      const canLand = () => log.sessions === session && !isOvertaken(log, seen, vacated)
      return land(parts, lane, log, canLand, [{ kind: 'ring', text }])
    },
    getReady: () => undefined,
    disconnect: () => undefined,
    openReader: () => openReader(parts, lane, logOf()),
    openMover: () => openMover(parts, lane, logOf()),
  }
}

/** Appends where nothing speaks against it at the moment that the batch lands; undefined where something does. */
async function land(
  { scheduler, random, happens, delay }: WorldParts,
  lane: Lane,
  log: WorldLog,
  canLand: () => boolean,
  batch: readonly LogEntry[],
) {
  if (happens('losesAppends', 20)) {
    scheduler.lane().after(random.integer(1, 12_000), () => {
      if (canLand()) log.append(batch)
    })
    await delay(lane, appendMs)
    throw new Undecided('no answer from the log')
  }
  const end = canLand() ? log.append(batch) : undefined
  await delay(lane)
  return end
}

/** A connection's end, by close() or as it breaks off. */
function makeEnd() {
  const { promise: lost, resolve } = Promise.withResolvers<Error>()
  let reason: Error | undefined
  return {
    lost,
    end(sentence: string): void {
      reason ??= new Unavailable(sentence)
      resolve(reason)
    },
    requireOpen(): void {
      if (reason !== undefined) throw reason
    },
    isOpen: () => reason === undefined,
  }
}

async function openReader(parts: WorldParts, lane: Lane, log: WorldLog): Promise<EntryReader> {
  const { happens, delay, random } = parts
  await delay(lane)
  const { lost, end, requireOpen } = makeEnd()

  async function ask(): Promise<void> {
    requireOpen()
    await delay(lane)
    if (happens('losesAppends', 40)) end('the connection to the log broke off')
    requireOpen()
  }

  return {
    ...{ logId: log.id, lost },
    async askHead() {
      await ask()
      const { sequence = 0n, digest = Buffer.alloc(0) } = log.entries.at(-1) ?? {}
      return { sequence, digest }
    },
    async read(after, through) {
      await ask()
      // Pages are small, so that they end everywhere.
      const most = Number(after) + random.integer(1, 4)
      const entries = log.entries.slice(Number(after), Math.min(most, Number(through ?? most)))
      return entries.map(readEntry)
    },
    readAnswers: async (_, after) => ({ answers: [], through: after, isLast: true }),
    close: async () => end('closed'),
  }
}

async function openMover(parts: WorldParts, lane: Lane, log: WorldLog): Promise<KeyMover | undefined> {
  await parts.delay(lane)
  if (log.isMoverOpen()) return undefined
  const { lost, end, requireOpen, isOpen } = makeEnd()
  const session = ++log.movers
  log.isMoverOpen = () => isOpen() && !lane.isEnded
  return {
    ...{ logId: log.id, lost },
    keepAnswers: async () => true,
    async append(moved, ringEntry) {
      requireOpen()
      await parts.delay(lane)
      requireOpen()
      const canLand = () => log.movers === session && log.boundAt === ringEntry
      const batch = moved.map(({ write, earlier }) => ({
        ...{ kind: write.kind, key: write.key, deadline: write.deadline, earlier },
        ...(write.kind === 'put' && { value: write.value.toString() }),
      }))
      try {
        return await land(parts, lane, log, canLand, batch)
      } catch (error) {
        end('the connection to the log broke off')
        throw error
      }
    },
    close: async () => end('closed'),
  }
}
