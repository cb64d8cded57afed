import { expect, test } from 'vitest'
import { check, startAt } from './healthcheck.ts'

test('the health check asks where the node listens', async () => {
  for (const host of ['127.0.0.1', '127.0.0.2', '0.0.0.0']) {
    const url = await startAt(host)
    expect(await check(host, url)).toBe(0)
    if (host === '127.0.0.2') expect(await check('127.0.0.1', url)).toBe(1)
  }
})
