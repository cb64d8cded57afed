import type { Client } from 'pg'
import { expect, test } from 'vitest'
import type { SiteName } from '../../../../../tools/drill/sites/site-names.ts'
import { readLogs } from '../../../../../tools/drill/sites/sites-phases.ts'
import type { SitesStack } from '../../../../../tools/drill/sites/sites-stack.ts'

interface Row {
  readonly sequence: string
  readonly origin: string | null
  readonly dependency: null
}

/** Two sites, whose logs are asked for by plain SQL. The first one wrote the entries that both have. */
function makeStack(rows: Row[][], onRead: (site: number) => void): SitesStack {
  const connect = async (site: SiteName) => {
    const index = site === 'a' ? 0 : 1
    const own = rows[index] ?? []
    const query = async (text: string) => {
      if (text.includes('log_head')) return { rows: [{ log_id: site }] }
      if (text.includes('count(')) {
        return { rows: [{ entries: own.length, own: own.filter(({ origin }) => origin === null).length }] }
      }
      const page = { rows: [...own] }
      onRead(index)
      return page
    }
    return { query, end: async () => undefined } as unknown as Client
  }
  return { nodes: [], connect } as unknown as SitesStack
}

test('logs that go on while they are read, one after another, are read anew', async () => {
  const rows: Row[][] = [[], []]
  const write = () => {
    for (const [site, own] of rows.entries()) {
      own.push({ sequence: String(own.length + 1), origin: site === 0 ? null : 'a', dependency: null })
    }
  }
  write()
  const reads: number[] = []
  const stack = makeStack(rows, (site) => {
    reads.push(site)
    if (reads.length === 1) write()
  })
  const violations: string[] = []
  const logs = await readLogs({
    ...{ stack, sites: ['a', 'b'], signal: new AbortController().signal },
    violation: (sentence) => violations.push(sentence),
  })
  expect(logs.map(({ logId, entries }) => [logId, entries.length])).toEqual([
    ['a', 2],
    ['b', 2],
  ])
  expect({ reads, violations }).toEqual({ reads: [0, 1, 0, 1], violations: [] })
})
