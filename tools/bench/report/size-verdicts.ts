import { ratios, spreadOf } from '../measure/stats.ts'
import type { LargeResult } from '../parts/large.ts'
import type { MemoryResult } from '../parts/memory.ts'
import type { StartResult } from '../parts/start.ts'
import { judge, type Verdict } from './judge.ts'
import { mebibytes, number, ratio, ratioSpread, spread } from './text.ts'

/**
 * What a replay may take beside the view, however long the log is: pages under way, and what is yet to be collected.
 */
const replayAllowance = 128 * 1024 ** 2

export function replayVerdict(start: StartResult | undefined): Verdict {
  const replays = start?.replays ?? []
  const longest = Math.max(...replays.map(({ entries }) => entries))
  const long = replays.filter(({ entries }) => entries === longest)
  const short = replays.filter(({ entries }) => entries < longest)
  const rate = spreadOf(long.map(({ entries, seconds }) => entries / seconds))
  const [peak, least] = [spreadOf(long.map((r) => r.peak)), spreadOf(short.map((r) => r.peak))]
  const judged = judge(rate?.median, { atLeast: 1_000_000 })
  const isBounded = peak && least ? peak.median - least.median <= replayAllowance : undefined
  const memory =
    peak && least ? `; at most ${mebibytes(peak.median)} resident, with a short log ${mebibytes(least.median)}` : ''
  return {
    what: 'replay',
    target: '1,000,000 entries/s, bounded memory besides the view',
    measured: `${spread(rate, '/s')}${memory}`,
    ...(judged.isMet === true && isBounded === false ? { isMet: false, missedBy: 'its memory' } : judged),
  }
}

export function startVerdict(start: StartResult | undefined): Verdict {
  const shortest = start?.logs[0]
  const longest = start?.logs.at(-1)
  const rounds = (seconds: readonly number[] = []) => new Map(seconds.map((value, index) => [index, value]))
  const of = ratios(rounds(longest?.seconds), rounds(shortest?.seconds))
  const [few, many] = [spreadOf(shortest?.seconds ?? []), spreadOf(longest?.seconds ?? [])]
  return {
    what: 'start-up with a log of 10,000,000 entries over 100,000 live keys',
    target: 'within 1.5 × of a log of 100,000 entries (checkpoints)',
    measured: `${ratioSpread(of)}${few && many ? `: ${number(many.median)} s vs ${number(few.median)} s` : ''}`,
    ...judge(of?.median, { atMost: 1.5 }),
  }
}

/** After a restart on either side: what a process keeps of its past is no part of what it holds. */
export function memoryVerdict(memory: MemoryResult | undefined): Verdict {
  const set = memory?.sets.at(-1)
  const kvs = spreadOf(set?.kvs.restarted ?? [])?.median
  const redis = spreadOf(set?.redis?.restarted ?? [])?.median
  const loaded = set?.redis && ratio(set.kvs.loaded / set.redis.loaded)
  const measured =
    set && kvs && redis
      ? `${ratio(kvs / redis)}: ${mebibytes(kvs)} vs ${mebibytes(redis)} after a restart; ${loaded} once loaded`
      : 'not measured'
  return {
    what: 'memory for 1,000,000 keys × 100 bytes',
    target: 'no more than Redis holding the same (resident)',
    measured,
    ...judge(kvs && redis && kvs / redis, { atMost: 1 }),
  }
}

export function largeVerdict(large: LargeResult | undefined): Verdict {
  const { keys = 0, seconds = 0, resident = 0, problem } = large ?? {}
  const isRight = large !== undefined && large.asked !== undefined && large.asked === large.right
  const loaded = `${number(keys)} keys after ${number(seconds)} s, ${mebibytes(resident)} resident`
  return {
    what: 'keys one node can hold',
    target: 'not stopped by Map’s 2^24: 20,000,000 small keys load, or a clear error at a documented bound',
    measured: large ? (problem ?? loaded) : 'not measured',
    isMet: large && isRight,
    ...(large &&
      !isRight && { missedBy: problem ? 'not starting' : `${(large.asked ?? 0) - (large.right ?? 0)} wrong values` }),
  }
}
