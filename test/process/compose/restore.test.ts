import { writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { makeFakeDocker } from './fake-docker.ts'

const up = '*"up --detach"*|*pg_restore*) ;;'
const noNode = '*"ps --quiet"*) ;;'
const tables = `*psql*pg_class*) echo transactions ;;`

function restoreWith(answers: string) {
  const docker = makeFakeDocker(answers)
  writeFileSync(docker.path('kvs.dump'), 'a dump')
  const { status, stdout, stderr } = docker.run('restore', 'kvs.dump')
  return { status, stdout, stderr, restored: docker.calls().some((call) => call.includes('pg_restore')) }
}

test('a log is restored where there is none, and where it is empty', () => {
  const counted = '*psql*count*) echo 3 ;;'
  const before = `*psql*pg_class*) [ "$(calls pg_restore)" = 0 ] || echo transactions ;;`
  expect(restoreWith([noNode, up, before, counted].join('\n'))).toEqual({
    ...{ status: 0, stdout: '3 entries are in the log\n', stderr: '', restored: true },
  })
  const empty = '*psql*EXISTS*) echo f ;;'
  expect(restoreWith([noNode, up, tables, empty, counted].join('\n'))).toMatchObject({ status: 0, restored: true })
})

test('a dump of a database without a log is told to have no entries', () => {
  const result = restoreWith([noNode, up, '*psql*pg_class*) ;;'].join('\n'))
  expect(result).toMatchObject({ status: 0, stdout: '0 entries are in the log\n' })
})

test.each([
  ['has entries', '*psql*EXISTS*) echo t ;;', /the log is not empty: it is left as it is/],
  ['can’t be read', '*psql*EXISTS*) sql_error "invalid page in block 0" ;;', /invalid page/],
  ['is not told of', '*psql*EXISTS*) echo "psql: connection refused" >&2; exit 2 ;;', /connection refused/],
  ['is answered for with nothing', '*psql*EXISTS*) ;;', /it can’t be told whether the log is empty/],
])('a log that %s is left as it is', (_, answer, message) => {
  const result = restoreWith([noNode, up, tables, answer].join('\n'))
  expect(result).toMatchObject({ stdout: '', restored: false, stderr: expect.stringMatching(message) })
  expect(result.status).toBeGreaterThan(0)
})

test('a log that can’t be looked for is left as it is', () => {
  const result = restoreWith([noNode, up, '*psql*pg_class*|*psql*to_regclass*) sql_error "no" ;;'].join('\n'))
  expect(result).toMatchObject({ restored: false, status: 3 })
})

test('a log in any of several schemas is left as it is', () => {
  const two = `*psql*pg_class*) echo transactions; echo other.transactions ;;
*psql*other.transactions*) echo t ;; *psql*EXISTS*) echo f ;;`
  expect(restoreWith([noNode, up, two].join('\n'))).toMatchObject({ status: 1, restored: false })
})

test.each(['running', 'restarting', 'paused'])('nothing is restored under a node that is %s', (status) => {
  const result = restoreWith(`*"--status ${status}"*) echo a-node ;;\n${noNode}\n${up}\n*psql*) ;;`)
  expect(result).toMatchObject({ status: 1, restored: false, stderr: expect.stringMatching(/nodes are running/) })
})

test('nothing is restored where it can’t be told whether nodes run', () => {
  const result = restoreWith(`*"ps --quiet"*) exit 17 ;;\n${up}\n*psql*) ;;`)
  expect(result).toMatchObject({ status: 17, restored: false })
})

test('a count that fails ends with its error', () => {
  const answers = `*psql*EXISTS*) echo f ;;\n*psql*count*|*psql*end_of_log*) sql_error "out of reach" ;;`
  const result = restoreWith([noNode, up, tables, answers].join('\n'))
  expect(result).toMatchObject({ status: 3, stdout: '', restored: true })
})
