import { test, vi } from 'vitest'
import { describeOnLinux } from '../../support/skips.ts'
import { fuzzForwarder, fuzzNode, seed } from './fuzzing.ts'

const seconds = 2

vi.setConfig({ testTimeout: 60_000 })

describeOnLinux(`raw requests of all kinds, from the seed ${seed}`, () => {
  test('crash nothing, leave nothing hanging and nothing behind; what was acknowledged is in the log', () =>
    fuzzNode(seconds))
  test('the same by a forwarding node', () => fuzzForwarder(seconds))
})
