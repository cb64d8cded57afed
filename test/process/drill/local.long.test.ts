import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import type { DrillResult } from '../../../tools/drill/run.ts'
import { drill } from './drill-command.ts'

vi.setConfig({ testTimeout: 180_000 })

test('drills on processes: a table, a file, pictures and histories; what needs containers is skipped loudly', async () => {
  const names = ['kill-both', 'drop-from-postgres', 'kill-while-draining', 'clock']
  const options = ['--local', '--seconds', '3', '--seed', '7', '--json', 'out/all.json', '--out', 'out']
  const { directory, ended } = drill([...names, ...options, '--keep-history'])
  const { code, stdout, stderr } = await ended
  expect(code, `${stdout}\n${stderr}`).toBe(0)
  expect(stderr).toContain('SKIPPED clock: it needs containers')
  expect(stderr).toMatch(/seed 7/)

  const { seed, platform, results } = JSON.parse(readFileSync(join(directory, 'out/all.json'), 'utf8'))
  expect({ seed, platform }).toEqual({ seed: 7, platform: 'processes' })
  expect(results.map((result: DrillResult) => result.drill)).toEqual(names.slice(0, 3))
  for (const result of results as DrillResult[]) {
    expect(result).toMatchObject({ passed: true, lost: 0, torn: 0, violations: [], seed: 7 })
    for (const count of [result.acknowledged, result.faults, result.readsChecked]) expect(count).toBeGreaterThan(0)
    expect(stdout).toMatch(new RegExp(`^${result.drill} .*pass`, 'm'))
    expect(readFileSync(join(directory, `out/${result.drill}.svg`), 'utf8')).toMatch(/<svg/)
    const history = JSON.parse(readFileSync(join(directory, `out/${result.drill}.history.json`), 'utf8'))
    expect(history.faults).toHaveLength(result.faults)
  }
  expect(readdirSync(directory)).toEqual(['out'])
})

test('Ctrl-C takes the stack down', async () => {
  const { child, directory, ended, stderr } = drill(['kill-kvs', '--local', '--seconds', '60'])
  await vi.waitFor(() => expect(stderr()).toContain('faults, '), { timeout: 60_000 })
  child.kill('SIGINT')
  const { code } = await ended
  expect(code).toBe(130)
  expect(readdirSync(directory)).toEqual(['drill-results'])
})
