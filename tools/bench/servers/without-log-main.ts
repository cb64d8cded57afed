import { readConfig } from '../../../kvs/config/index.ts'
import type { LogSession } from '../../../kvs/log/index.ts'
import { runNode } from '../../../kvs/roles/node.ts'
import { prepareProcess } from '../../../kvs/roles/service-process.ts'

/**
 * The service with a log that keeps nothing: the most that its HTTP side and its view could ever do. It answers in the
 * next turn of the event loop: answered sooner, each write would be a batch of its own, which is only half as fast.
 */
const digest = Buffer.alloc(8)
let sequence = 0n
const append = async ({ length }: { readonly length: number }) => {
  await new Promise(setImmediate)
  sequence += BigInt(length)
  return { sequence, digest, recordedAt: Date.now(), stamp: Date.now() * 1_000 }
}
const session = {
  head: { logId: '00000000', sequence: 0n, entries: 0n, adoptedThrough: 0n },
  description: 'no log',
  lost: new Promise<Error>(() => undefined),
  committed: { number: 0n, end: { sequence: 0n, digest } },
  holds: async () => true,
  loadCheckpoint: async () => undefined,
  replay: async () => undefined,
  read: async () => [],
  append,
  appendSpooled: append,
  askHead: async () => ({ sequence, digest }),
  onOthersAppended: () => undefined,
  appendConditional: () => Promise.reject(new Error('not here')),
  seeRing: async () => undefined,
  close: async () => undefined,
} satisfies LogSession

const config = readConfig({ ...process.env, POSTGRES_HOST: 'none', POSTGRES_SSLMODE: 'disable' })
await runNode(config, prepareProcess(config), { makeLog: () => ({ open: async () => session, now: () => Date.now() }) })
process.exit()
