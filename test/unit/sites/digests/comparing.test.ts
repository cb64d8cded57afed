import { expect, test } from 'vitest'
import type { PeerStatus } from '../../../../kvs/kv/index.ts'
import { compareMembers } from '../../../../kvs/sites/digests/comparing.ts'
import { makeFindings } from '../../../../kvs/sites/digests/findings.ts'
import type { PeerClient } from '../../../../kvs/sites/index.ts'
import { makeSeededRandom } from '../../../../tools/lab/seeded-random.ts'
import { makeServiceRandom } from '../../../../tools/simulator/virtual-clock.ts'
import { makeLogger } from '../fixtures.ts'
import { makeManualClock } from '../manual-clock.ts'
import { clientTo, makeTwo } from './compared-sites.ts'

const peer = (address: string, log: string): PeerStatus => ({
  ...{ address, log, state: 'following', reason: null, behind: 0, lag: 0 },
})

test('a comparison that takes too long is given up with a reason, and does not hold up those with other sites', async () => {
  const { a, b } = makeTwo()
  const { told, logger } = makeLogger()
  const time = makeManualClock()
  const { clock } = time
  const findings = makeFindings(logger, clock)
  const signals: AbortSignal[] = []
  const slow: PeerClient = {
    ...clientTo(b),
    askDigests: (_, signal) => {
      signals.push(signal)
      return new Promise(() => undefined)
    },
  }
  const ending = new AbortController()
  const random = makeServiceRandom(makeSeededRandom(1, 'comparing'))
  const ended = compareMembers(
    {
      ...{ site: a.site, own: a.own, findings, clock, random, everyMs: 60_000 },
      peers: () => [peer('slow:1', 'slow'), peer('b:1', 'b')],
      client: (address) => (address === 'slow:1' ? slow : clientTo(b)),
    },
    ending.signal,
  )
  await time.pass(9 * 60_000, 1_000)
  expect([signals.map(({ aborted }) => aborted), findings.of('b'), told]).toEqual([[false], null, []])
  await time.pass(80_000, 1_000)
  await expect.poll(() => findings.of('b')).toMatchObject({ differing: 0 })
  expect(signals[0]?.aborted).toBe(true)
  expect(told).toEqual(['cannot compare values with slow:1: it takes more than 10 minutes'])
  ending.abort()
  await ended
})
