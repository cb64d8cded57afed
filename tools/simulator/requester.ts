import type { Write } from '../../kvs/core/entry.ts'
import { ConditionFailed, KvsError } from '../../kvs/core/errors.ts'
import { type Position, parsePosition } from '../../kvs/core/position.ts'
import type { Precondition } from '../../kvs/core/precondition.ts'
import type { Kv } from '../../kvs/kv/index.ts'
import type { RingMember } from '../../kvs/ring/index.ts'
import type { Sites } from '../../kvs/sites/index.ts'
import { type Answer, type Demands, type Requester, toldOf, writeOutcome } from '../drill/workload/request.ts'
import { readValue } from '../drill/workload/value.ts'
import type { Lane } from './scheduler.ts'

/** One process of a node, as a client sees it. */
export interface Server {
  readonly kv: Kv
  readonly lane: Lane
  /** Calls this when the process is gone, unless the answer was there before. */
  onceGone(act: () => void): () => void
  /** Undefined where the log is no site's. */
  readonly sites: Sites | undefined
  /** Undefined where there is no ring. */
  readonly ring: RingMember | undefined
  /** Calls this when the process has ended, unless the returned function was called before. A stop waits for nobody. */
  onceEnded(act: () => void): () => void
}

export interface RequesterOptions {
  /** The node's process; undefined while there is none that listens. */
  readonly server: () => Server | undefined
  /** The client's own lane. */
  readonly lane: Lane
  /** One way between client and node, in milliseconds. */
  readonly delay: () => number
  readonly timeoutMs: number
}

/** Asks a node's `Kv` port what the drills' client asks over HTTP, and tells of the answer in the same words. */
export function makeKvRequester(options: RequesterOptions): Requester {
  return {
    get: (key, demands = {}) => send(options, (kv) => read(kv, key, demands), lostRead),
    put: (key, value, demands = {}) =>
      send(options, (kv) => write(kv, { kind: 'put', key, value, contentType: undefined }, demands), lostWrite),
    remove: (key, demands = {}) => send(options, (kv) => write(kv, { kind: 'delete', key }, demands), lostWrite),
    close: () => undefined,
  }
}

export type Lost = 'refused' | 'reset' | 'late'

const lostRead = (error: Lost): Answer => ({ outcome: 'failed', status: 0, error })
const lostWrite = (error: Lost): Answer => ({ outcome: error === 'refused' ? 'failed' : 'unknown', status: 0, error })

/**
 * There and back, unless the node dies meanwhile or takes too long.
 * @param lost the answer then
 */
export function send<Result>(
  { server, lane, delay, timeoutMs }: RequesterOptions,
  act: (kv: Kv) => Promise<Result>,
  lost: (error: Lost) => Result,
): Promise<Result> {
  return new Promise((resolve) => {
    const process = server()
    if (process === undefined) {
      lane.after(delay(), () => resolve(lost('refused')))
      return
    }
    const deadline = lane.after(timeoutMs, () => settle(lost('late')))
    const forget = process.onceGone(() => lane.after(delay(), () => settle(lost('reset'))))
    process.lane.after(delay(), () => {
      void act(process.kv).then((answer) => {
        if (process.lane.isEnded) return
        lane.after(delay(), () => settle(answer))
      })
    })

    function settle(answer: Result): void {
      deadline.cancel()
      forget()
      resolve(answer)
    }
  })
}

async function read(kv: Kv, key: string, { minPosition, isConsistent }: Demands): Promise<Answer> {
  try {
    await waitFor(kv, key, minPosition)
    if (isConsistent) await kv.waitForHead()
    const got = kv.get(key)
    const found = got instanceof Promise ? await got : got
    const told = toldOf(found?.tag, kv.position(key), found !== undefined && found.tag === undefined)
    if (found === undefined) return { outcome: 'ok', status: 404, value: null, ...told }
    const value = readValue(found.value)
    return value === undefined
      ? { outcome: 'torn', status: 200, ...told }
      : { outcome: 'ok', status: 200, value, ...told }
  } catch (error) {
    const { status, code, told } = refusal(kv, error)
    return { outcome: 'failed', status, ...told, error: code }
  }
}

async function write(kv: Kv, asked: Write, { minPosition, condition, tag, ttl }: Demands): Promise<Answer> {
  try {
    const after = await dependencyOn(kv, minPosition)
    const write = { ...asked, ...(ttl !== undefined && { deadline: kv.now() + ttl }), ...(after && { after }) }
    const precondition = preconditionOf(condition, tag)
    const stored = precondition
      ? await kv.writeIf({ write, precondition, idempotencyKey: undefined })
      : await kv.write(write)
    const isSpooled = stored === 'spooled'
    const status = isSpooled ? 202 : write.kind === 'put' ? 201 : 200
    const named = isSpooled || write.kind === 'delete' ? undefined : stored.tag
    return { outcome: 'ok', status, ...toldOf(named, kv.position(write.key), isSpooled) }
  } catch (error) {
    const { status, code, told } = refusal(kv, error)
    return { outcome: writeOutcome(status, code), status, ...told, error: code }
  }
}

async function dependencyOn(kv: Kv, text: string | undefined): Promise<Position | undefined> {
  const position = text === undefined ? undefined : parsePosition(text)
  return position && kv.dependencyOn(position)
}

async function waitFor(kv: Kv, key: string, text: string | undefined): Promise<void> {
  const position = text === undefined ? undefined : parsePosition(text)
  if (position !== undefined) await kv.waitFor(position, key)
}

/** An error that is no `KvsError` is a defect, which a node answers with 500. */
function refusal(kv: Kv, error: unknown) {
  const known = error instanceof KvsError ? error : new KvsError('internal', String(error))
  const tag = known instanceof ConditionFailed ? known.tag : undefined
  return { status: known.status, code: known.code, told: toldOf(tag, kv.position(), false) }
}

function preconditionOf(condition: Demands['condition'], tag: string | undefined): Precondition | undefined {
  if (condition === undefined) return undefined
  if (condition === 'absent') return { ifNoneMatch: '*' }
  if (condition === 'present') return { ifMatch: '*' }
  if (tag === undefined) throw new Error(`the ETag of entry ${condition} is not known`)
  return { ifMatch: [tag.slice(1, -1)] }
}
