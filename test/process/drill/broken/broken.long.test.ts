import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { type Drill, isServing } from '../../../../tools/drill/drill.ts'
import { drills } from '../../../../tools/drill/drills.ts'
import { runDrill } from '../../../../tools/drill/run.ts'
import { startLocalStack } from '../../../../tools/drill/stack/local.ts'

const programNamed = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/** At a chosen moment, where the drills choose theirs by chance: no spool is drained before the kill. */
const killWithSpool: Drill = {
  name: 'kill-with-spool',
  sentence: 'kvs is killed with spooled writes, while Postgres is down.',
  async fault({ stack, lasting, becomes }) {
    await becomes(isServing, 60)
    await lasting('postgres down', async () => {
      await stack.stop('postgres')
      await becomes(({ spool }) => (spool?.writes ?? 0) > 0, 30)
      await stack.kill('kvs')
      await stack.start('kvs', 'postgres')
    })
  },
}

/** The drill, with that program in the place of the service. */
async function drillOf(name: string, program: string) {
  const drill = [...drills, killWithSpool].find((drill) => drill.name === name)
  if (drill === undefined) throw new Error(`there is no drill ${name}`)
  return runDrill(drill, {
    seed: 1,
    seconds: 8,
    makeStack: (options) => startLocalStack({ ...options, program: programNamed(program) }),
  })
}

test('a service that acknowledges before the commit is caught', { timeout: 120_000 }, async () => {
  const result = await drillOf('kill-kvs', 'acknowledges-early.ts')
  expect(result.acknowledged).toBeGreaterThan(100)
  expect(result.lost).toBeGreaterThan(0)
  expect(result.passed).toBe(false)
})

test('a service that forgets its spool is caught', { timeout: 120_000 }, async () => {
  const result = await drillOf('kill-with-spool', 'forgets-its-spool.ts')
  expect(result.acknowledged).toBeGreaterThan(100)
  expect(result.lost).toBeGreaterThan(0)
  expect(result.passed).toBe(false)
})

test.each([
  // Its answers are at the position that was asked for, so that they show less than the log has there.
  ['passes over the position that its client has seen', 'cut-one', 'ignores-min-position.ts', /, where the log says /],
  ['decides on conditions by its own view', 'rolling-restart', 'decides-alone.ts', / landed as entry \d+ under If-/],
  ['answers ?consistent from its own view', 'rolling-restart', 'reads-its-view.ts', / was known to be at \d+ before/],
  ['has what it spooled overwrite newer writes', 'split', 'overwrites-newer.ts', / overwrites entry \d+: /],
  [
    'lands one half of a transaction and then the other',
    'transfers',
    'lands-halves.ts',
    / is a part of no whole transfer/,
  ],
])('of several nodes, one that %s is caught', { timeout: 120_000 }, async (_, drill, program, sentence) => {
  const result = await drillOf(drill, program)
  expect(result.acknowledged).toBeGreaterThan(100)
  expect(result.passed).toBe(false)
  expect(result.violations).toContainEqual(expect.stringMatching(sentence))
})

test('the service itself is not, in the same drills', { timeout: 400_000 }, async () => {
  for (const name of ['kill-kvs', 'kill-with-spool', 'cut-one', 'rolling-restart', 'split', 'transfers']) {
    const result = await drillOf(name, '../../../../kvs/main.ts')
    expect(result.violations).toEqual([])
    expect(result.passed).toBe(true)
  }
})
