import { expect, test } from 'vitest'
import { backUp, killNode } from './backups.ts'
import { put } from './requests.ts'
import { type Site, startSites } from './sites.ts'

test('what the other log has of a log that was restored is no copy of what that writes now', async () => {
  const env = { KVS_MIN_COPIES: '2', KVS_APPEND_TIMEOUT: '60s', KVS_IDLE_TIMEOUT: '120s', KVS_SLOW_REQUEST: 'never' }
  const { sites } = await startSites(2, { env })
  const [a, b] = sites as [Site, Site]
  const write = async (site: Site, key: string) => {
    const { status, headers } = await put(site, key, 'v')
    return [status, headers['kvs-copies']]
  }
  expect(await write(a, 'kept')).toEqual([201, '2'])
  const restore = await backUp(a.database)
  for (let number = 0; number < 20; number++) expect(await write(a, `lost${number}`)).toEqual([201, '2'])
  await killNode(a)
  await restore()
  await a.start(0)
  // b has as many entries of the log, and more; and other ones at these places.
  for (let number = 0; number < 25; number++) expect(await write(a, `k${number}`)).toEqual([202, '1'])
  expect(a.nodes[0]?.output()).toContain('the log went back; its answers are no copies')
  expect(await write(b, 'k')).toEqual([201, '2'])
})
