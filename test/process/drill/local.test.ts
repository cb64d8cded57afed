import { expect, test, vi } from 'vitest'
import { drills } from '../../../tools/drill/drills.ts'
import { drill } from './drill-command.ts'

vi.setConfig({ testTimeout: 180_000 })

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

test('a drill on processes passes, and is told in a table', async () => {
  const { code, stdout, stderr } = await drill(['kill-kvs', '--local', '--seconds', '1']).ended
  expect(code, `${stdout}\n${stderr}`).toBe(0)
  expect(stdout).toMatch(/^kill-kvs .*pass/m)
})
