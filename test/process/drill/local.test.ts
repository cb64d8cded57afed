import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test, vi } from 'vitest'
import { drills } from '../../../tools/drill/drills.ts'
import type { DrillResult } from '../../../tools/drill/run.ts'

vi.setConfig({ testTimeout: 180_000 })

const main = fileURLToPath(new URL('../../../tools/drill/main.ts', import.meta.url))

/** `npm run drill -- …`, with a directory of its own for all that it leaves. */
function drill(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'drillrun-'))
  chmodSync(directory, 0o755) // for the user that Postgres runs as
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const child = spawn(process.execPath, [main, ...args], {
    cwd: directory,
    env: { PATH: process.env.PATH, TMPDIR: directory, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk) => (stdout += chunk))
  child.stderr.on('data', (chunk) => (stderr += chunk))
  const ended = once(child, 'close').then(([code]) => ({ code, stdout, stderr }))
  return { child, directory, ended, stderr: () => stderr }
}

test('without a name it lists the drills', async () => {
  const { code, stdout } = await drill([]).ended
  expect(code).toBe(0)
  for (const { name, sentence } of drills) expect(stdout).toMatch(new RegExp(`^${name} +${sentence.slice(0, 20)}`, 'm'))
})

test.each([
  [['kill-kv'], /there is no drill "kill-kv": did you mean kill-kvs/],
  [['disk-full'], /did you mean .*spool-disk-full/],
  [['xyzzy'], /there is no drill "xyzzy": npm run drill lists them/],
  [['kill-kvs', '--local', '--observe'], /--observe needs containers/],
  [['--seconds', '1.5', 'cut'], /--seconds takes a whole number from 1, not "1.5"/],
  [['--sed', '1', 'cut'], /--sed/],
])('%j is refused with 2 and a sentence', async (args, sentence) => {
  const { code, stderr } = await drill(args).ended
  expect(stderr).toMatch(sentence)
  expect(stderr).not.toContain('    at ')
  expect(code).toBe(2)
})

test('without Docker it says what to do', async () => {
  const { code, stderr } = await drill(['cut'], { PATH: '' }).ended
  expect(stderr).toMatch(/Docker can’t be used \(there is no docker command\): with --local /)
  expect(code).toBe(2)
})

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
