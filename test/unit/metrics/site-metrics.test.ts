import { expect, test } from 'vitest'
import { siteMetrics } from '../../../kvs/metrics/site-metrics.ts'

const peer = (address: string, comparison: { age: number; differing: number; examples: string[] } | null) => ({
  ...{ address, log: 'a', reason: null, behind: 0, lag: 0, comparison },
  state: 'following' as const,
})

test('the age of the last comparison is told by peer, in seconds, and of nobody who was never compared with', () => {
  const peers = [peer('b:1', { age: 61_500, differing: 2, examples: [] }), peer('c:1', null)]
  const metrics = siteMetrics({
    store: { measures: () => expect.fail('not asked') },
    sites: {
      status: { leads: true, peers },
      measures: { entries: 0, superseded: 0, farStamps: 0, shortWrites: 0 },
    },
  })
  const metric = metrics.find(({ name }) => name === 'kvs_site_comparison_age_seconds')
  expect(metric?.type).toBe('gauge')
  expect(metric?.read()).toEqual([{ labels: { peer: 'b:1' }, value: 61.5 }])
})
