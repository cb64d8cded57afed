import { type ErrorCode, KvsError, NotOwner } from '../core/errors.ts'
import { positionsJson, ringIn, ringJson } from '../core/ring/ring-text.ts'
import { rangesInText } from '../core/ring/slot-ranges.ts'
import { explain, type Target } from '../forward/index.ts'
import { type AskedRingChange, changePath, givePath, type RingState, ringPath } from '../kv/index.ts'
import type { MemberClient } from './member-client.ts'

/** How long a member may take to say what it knows, in milliseconds. */
const stateMs = 3_000
/** The same for what it has to do in its own log. */
const answerMs = 10_000
/** The same for a change, which has to wait for every member that it concerns. */
const changeMs = 40_000
/** What is read of an answer, in characters. */
const mostText = 4 * 1024 * 1024

/** Errors that a member may have answered with, and that are the caller's to know as they are. */
const passedOn: readonly ErrorCode[] = ['ring_conflict', 'cannot_forward', 'bad_request', 'forbidden', 'unauthorized']

/**
 * Asks another member over HTTP.
 * @param token to show there; undefined for none
 */
export function makeHttpMember(target: Target, token: string | undefined): MemberClient {
  const { dispatcher, name, servername } = target
  const common = {
    ...{ host: name, accept: 'application/json', 'content-type': 'application/json' },
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  }

  async function ask(method: 'GET' | 'PUT' | 'POST', path: string, body?: object, timeoutMs = answerMs) {
    try {
      const {
        statusCode,
        headers,
        body: answer,
      } = await dispatcher.request({
        ...{ method, path, headers: common, body: body === undefined ? null : JSON.stringify(body), servername },
        ...{ headersTimeout: timeoutMs, bodyTimeout: timeoutMs },
      } as Parameters<typeof dispatcher.request>[0])
      const text = (await answer.text()).slice(0, mostText)
      if (statusCode !== 200) throw refusalOf(name, statusCode, headers['kvs-ring'], text)
      return stateIn(name, text)
    } catch (error) {
      throw error instanceof KvsError ? error : unanswered(name, error)
    }
  }

  return {
    state: () => ask('GET', ringPath, undefined, stateMs),
    learn: async (ring) => void (await ask('PUT', ringPath, ringJson(ring))),
    give: async (ring, check) => void (await ask('POST', givePath, { ring: ringJson(ring), check })),
    change: async (asked) => void (await ask('POST', changePath, changeJson(asked), changeMs)),
  }
}

/** What is posted to `changePath`. */
function changeJson({ asker, change }: AskedRingChange): object {
  if (change.kind === 'replace') return { asker, replace: positionsJson(change.positions) }
  if (change.kind === 'remove') return { asker, remove: change.address }
  return { asker, add: { position: change.position, address: change.address } }
}

function unanswered(name: string, error: unknown): KvsError {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
  const isLate = code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT'
  const reason = error instanceof Error && !isLate ? explain(error, name, 'KVS_PEER_CA') : 'it gives no answer in time'
  return new KvsError('cannot_forward', `the ring needs ${name}: ${reason}`, { cause: error })
}

/** The member's own error where that is the caller's to know, and one that names it otherwise. */
function refusalOf(name: string, status: number, ring: string | string[] | undefined, text: string): KvsError {
  const { code, detail } = problemIn(text)
  if (code === 'not_owner') return new NotOwner(String(ring ?? ''), detail)
  const known = passedOn.find((one) => one === code)
  if (known !== undefined && detail !== undefined) return new KvsError(known, detail)
  const hint = status === 404 ? '; is KVS_ADDRESS set there? Is it of this version?' : ''
  return new KvsError('cannot_forward', `${name} answers ${status}: ${(detail ?? text).slice(0, 300)}${hint}`)
}

function problemIn(text: string): { code?: string; detail?: string } {
  try {
    const { code, detail } = JSON.parse(text)
    return { ...(typeof code === 'string' && { code }), ...(typeof detail === 'string' && { detail }) }
  } catch {
    return {}
  }
}

/** Reads `{"ring":RING|null,"self":ADDRESS,"owns":RANGES}`. */
function stateIn(name: string, text: string): RingState {
  const { ring, self, owns } = recordIn(text)
  const known = ring === null ? undefined : ringIn(ring)
  const ranges = typeof owns === 'string' ? rangesInText(owns) : undefined
  if ((ring !== null && known === undefined) || typeof self !== 'string' || ranges === undefined) {
    throw new KvsError('cannot_forward', `${name} does not answer what it knows of the ring: is it of this version?`)
  }
  return { ring: known, self, owns: ranges }
}

function recordIn(text: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(text))
  } catch {
    return {}
  }
}
