import { expect, test } from 'vitest'
import type { RingStatus } from '../../../kvs/kv/index.ts'
import { makeReplica } from '../../../kvs/replica/index.ts'
import { makeScriptedLog } from './scripted-log.ts'

const quiet = () => undefined

function statusWith(ringStatus?: () => RingStatus) {
  const store = makeReplica({
    log: makeScriptedLog(),
    onReplayed: quiet,
    spool: undefined,
    spooling: { on: false, reason: null, maxBytes: 1 },
    limits: { maxWrites: 1, maxBytes: 1, timeoutMs: 1_000, graceMs: 0 },
    connectTimeoutMs: undefined,
    tailIntervalMs: 1_000,
    waitTimeoutMs: 1_000,
    maxLagMs: 1_000,
    logger: { info: quiet, warn: quiet, error: quiet },
    ...(ringStatus && { ringStatus }),
  })
  return store.status()
}

test('what the node knows of the ring is told where it may be a member of one, before there is a log as well', () => {
  const ring = {
    version: null,
    self: 'a:1',
    owns: '0-9999',
    home: null,
    positions: 0,
    change: null,
    taking: null,
    copies: null,
  }
  expect(statusWith(() => ring)).toMatchObject({ state: 'starting', ring })
  expect(statusWith()).not.toHaveProperty('ring')
})
