import { expect, test } from 'vitest'
import { KvsError } from '../../../clients/typescript/src/errors.ts'
import { defaultPolicy, type Terms, withRetries } from '../../../clients/typescript/src/retries.ts'

interface Run extends Partial<Terms> {
  readonly chance?: number
  readonly errors: readonly unknown[]
  /** How long each attempt takes. */
  readonly takesMs?: number
}

/** Runs attempts that end in these errors, then succeed, on a clock of its own. */
async function run({ chance = 0, errors, takesMs = 0, ...terms }: Run) {
  let now = 1_000
  const pauses: number[] = []
  const timeouts: number[] = []
  const left = [...errors]
  const attempt = async (timeoutMs: number) => {
    timeouts.push(timeoutMs)
    now += takesMs
    const error = left.shift()
    if (error !== undefined) throw error
    return 'done'
  }
  const surroundings = {
    now: () => now,
    random: () => chance,
    async sleep(ms: number) {
      pauses.push(ms)
      now += ms
    },
  }
  const all = { timeoutMs: 60_000, isRepeatable: true, signal: undefined, ...terms }
  const result = await withRetries(attempt, all, defaultPolicy, surroundings).catch((error: unknown) => error)
  return { result, pauses, timeouts }
}

const busy = (retryAfter?: number) => new KvsError('overloaded', '', { status: 503, retryAfter })
const broken = new KvsError('unreachable', '')

test('pauses grow, and chance takes up to half of them', async () => {
  const errors = [broken, broken, broken, broken]
  expect(await run({ errors })).toMatchObject({ result: 'done', pauses: [100, 200, 400, 800] })
  expect(await run({ errors, chance: 0.999 })).toMatchObject({ pauses: [100, 200, 400, 800].map((ms) => ms * 0.5005) })
})

test('a pause is never shorter than the service asks for', async () => {
  expect(await run({ errors: [busy(3), busy(1)], chance: 0.5 })).toMatchObject({ pauses: [3_075, 1_150] })
})

test('after the last attempt, its error is the call’s', async () => {
  const errors = [busy(), busy(), busy(), busy(), busy(3), broken]
  const { result, timeouts } = await run({ errors })
  expect(result).toBe(errors[4])
  expect(timeouts).toHaveLength(5)
})

test('what an earlier attempt may have done stays undecided, whatever the last one was told', async () => {
  const refused = new KvsError('condition_failed', '', { status: 412, etag: '"1"' })
  const lost = [broken, new KvsError('timeout', ''), new KvsError('unexplained', '', { status: 502 })]
  for (const first of lost) {
    for (const last of [busy(3), refused]) {
      const { result } = await run({ errors: [busy(), first, busy(), busy(), last] })
      expect(result).toMatchObject({ code: last.code, status: last.status, etag: last.etag, isUndecided: true })
      expect((result as KvsError).retryAfter).toBe(last.retryAfter)
    }
    expect((await run({ errors: [first, busy(3)], timeoutMs: 2_000 })).result).toMatchObject({ isUndecided: true })
  }
  expect((await run({ errors: [busy(), refused] })).result).toMatchObject({ isUndecided: false })
})

test('what may not be done twice is sent once, and has all the time', async () => {
  const { result, timeouts } = await run({ errors: [busy()], isRepeatable: false })
  expect(result).toMatchObject({ code: 'overloaded' })
  expect(timeouts).toEqual([60_000])
})

test('an attempt has its share of the time, and the last one all that is left', async () => {
  const { timeouts } = await run({ errors: [broken, broken, broken, broken], takesMs: 5_000, timeoutMs: 40_000 })
  expect(timeouts).toEqual([16_000, 16_000, 16_000, 16_000, 40_000 - 4 * 5_000 - 1_500])
})

test('an attempt that would begin too late is not waited for', async () => {
  expect(await run({ errors: [busy(2)], timeoutMs: 2_000 })).toMatchObject({
    result: { code: 'overloaded' },
    pauses: [],
  })
})

test.each([
  ['too_many_requests', 429, true],
  ['log_down', 503, true],
  ['undecided', 503, true],
  ['unexplained', 502, true],
  ['unexplained', 504, true],
  ['timeout', undefined, true],
  ['unreachable', undefined, true],
  ['bad_key', undefined, false],
  ['bad_request', 400, false],
  ['no_such_key', 404, false],
  ['condition_failed', 412, false],
  ['internal', 500, false],
  ['bad_answer', 200, false],
])('%s with status %s is tried again: %s', async (code, status, isTriedAgain) => {
  const { timeouts } = await run({ errors: [new KvsError(code, '', { status })] })
  expect(timeouts.length > 1).toBe(isTriedAgain)
})

test('an error that is not the service’s is not tried again', async () => {
  const error = new Error('a defect')
  expect(await run({ errors: [error] })).toMatchObject({ result: error, pauses: [] })
})

test('nothing is sent once the caller has given up', async () => {
  const reason = new Error('enough')
  expect(await run({ errors: [], signal: AbortSignal.abort(reason) })).toMatchObject({ result: reason, timeouts: [] })
})

test('a pause ends when the caller gives up', async () => {
  const gone = new AbortController()
  const attempt = async () => {
    queueMicrotask(() => gone.abort(new Error('enough')))
    throw busy(3_000)
  }
  const terms = { timeoutMs: 10_000_000, isRepeatable: true, signal: gone.signal }
  await expect(withRetries(attempt, terms, defaultPolicy)).rejects.toThrow('enough')
})
