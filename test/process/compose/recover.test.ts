import { writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { makeFakeDocker } from './fake-docker.ts'

const stopped = '*"ps --quiet --status"*) ;;'
const started = `*" run "*|*"up --detach"*|*" stop "*) ;; *"ps --all --quiet"*) echo the-container ;;`
const running = `*inspect*) echo "running 0" ;;`
const log = `*psql*transactions*) echo 'its last entry is 7, recorded at 2026-11-21 08:19:24+00' ;;`

function recoverWith(answers: string, ...more: string[]) {
  const docker = makeFakeDocker(answers)
  writeFileSync(docker.path('base.tar'), 'a base backup')
  const result = docker.run('recover', 'base.tar', '2026-11-21 08:19:25.5+00', ...more)
  return { ...result, calls: docker.calls() }
}

test('the log is brought back on the timeline of its base, and what was reached is told', () => {
  const promoted = `*psql*is_in_recovery*) [ "$(calls is_in_recovery)" -gt 3 ] && echo f || echo t ;;`
  const { status, stdout, stderr, calls } = recoverWith([stopped, started, running, promoted, log].join('\n'))
  expect({ status, stdout, stderr }).toEqual({
    ...{ status: 0, stderr: '' },
    stdout:
      'the log is as it was at 2026-11-21 08:19:25.5+00: its last entry is 7, recorded at 2026-11-21 08:19:24+00\n',
  })
  expect(calls.find((call) => call.includes(' run '))).toContain("recovery_target_timeline = 'current'")
})

test.each([
  ['latest', 'latest'],
  ['3', '3'],
])('the timeline %s is followed where it is asked for', (asked, written) => {
  const promoted = '*psql*is_in_recovery*) echo f ;;'
  const answers = [stopped, started, running, promoted, log].join('\n')
  const { status, calls } = recoverWith(answers, `--timeline=${asked}`, '--project-name', 'mine')
  expect(status).toBe(0)
  const run = calls.find((call) => call.includes(' run '))
  expect(run).toContain(`recovery_target_timeline = '${written}'`)
  expect(run).toMatch(/^compose --project-name mine run /)
})

test.each(['', 'newest', '0', "1'"])('%o is no timeline', (asked) => {
  const { status, stderr, calls } = recoverWith('', `--timeline=${asked}`)
  expect({ status, stderr, calls }).toEqual({ status: 64, stderr: `not a timeline: ${asked}\n`, calls: [] })
})

test.each(['restarting 1', 'running 2', 'exited 0'])(
  'a recovery that Postgres gives up (%s) is told as such',
  (state) => {
    const logs = `*logs*) cat <<END
LOG:  restored log file "000000010000000000000004" from archive
FATAL:  recovery ended before configured recovery target was reached
FATAL:  the database system is starting up
LOG:  database system is shut down
END
;;`
    const notYet = '*psql*is_in_recovery*) exit 2 ;;'
    const answers = [stopped, started, `*inspect*) echo '${state}' ;;`, notYet, logs].join('\n')
    const { status, stdout, stderr, calls } = recoverWith(answers)
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
    expect(stderr).toMatch(/^FATAL: {2}recovery ended before configured recovery target was reached\n.*an earlier TIME/)
    expect(stderr).toMatch(/remove the container and the volume/)
    expect(calls.some((call) => /^compose .*stop postgres$/.test(call))).toBe(true)
  },
)

test('a database that refuses to be asked ends it with what it says', () => {
  const refuses = `*psql*is_in_recovery*) echo 'FATAL:  database "kvs" does not exist' >&2; exit 2 ;;`
  const { status, stdout, stderr } = recoverWith([stopped, started, running, refuses].join('\n'))
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
  expect(stderr).toMatch(/database "kvs" does not exist/)
})

test('a log that can’t be read is not told to be as it was', () => {
  const promoted = `*psql*is_in_recovery*) echo f ;; *psql*transactions*) sql_error 'there is no "transactions"' ;;`
  const { status, stdout, stderr } = recoverWith([stopped, started, running, promoted].join('\n'))
  expect(status).toBeGreaterThan(0)
  expect(stdout).toBe('')
  expect(stderr).toMatch(/there is no "transactions"/)
})

test.each(['running', 'restarting', 'paused'])('nothing is done under a stack that is %s', (state) => {
  const { status, stderr, calls } = recoverWith(`*"--status ${state}"*) echo a-node ;;\n${stopped}\n${started}\n${log}`)
  expect({ status, stderr }).toMatchObject({ status: 1, stderr: expect.stringMatching(/the stack is running/) })
  expect(calls).toHaveLength(1)
})

test('nothing is done where it can’t be told whether the stack runs', () => {
  const { status, calls } = recoverWith('*"ps --quiet"*) exit 17 ;;')
  expect({ status, calls: calls.length }).toEqual({ status: 17, calls: 1 })
})
