import { test, vi } from 'vitest'
import { describeOnLinux } from '../../support/skips.ts'
import { fuzzForwarder, fuzzNode, seed } from './fuzzing.ts'

/** How long each of the runs takes. */
const seconds = Number(process.env.KVS_FUZZ_SECONDS ?? 15)

vi.setConfig({ testTimeout: (seconds + 120) * 1_000 })

describeOnLinux(`raw requests of all kinds, from the seed ${seed}`, () => {
  test('crash nothing, leave nothing hanging and nothing behind; what was acknowledged is in the log', () =>
    fuzzNode(seconds))
  test('the same by a forwarding node', () => fuzzForwarder(seconds))
})
