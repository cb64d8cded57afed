import { setImmediate } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import type { LogSession } from '../../../kvs/log/log.ts'
import { makeConnector } from '../../../kvs/replica/connector.ts'

test('a session that comes about after the stop is closed', async () => {
  const opening = Promise.withResolvers<LogSession>()
  const stop = new AbortController()
  const connector = makeConnector({
    log: { open: () => opening.promise, now: () => undefined },
    signal: stop.signal,
    firstTimeoutMs: undefined,
    onUnavailable: () => undefined,
  })
  const connecting = connector.connect()
  await Promise.resolve() // it opens
  stop.abort()
  expect(await connecting).toBeUndefined()
  const close = vi.fn(async () => undefined)
  opening.resolve({ close } as unknown as LogSession)
  await setImmediate()
  expect(close).toHaveBeenCalledOnce()
})
