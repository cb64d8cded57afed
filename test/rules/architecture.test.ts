import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { expect, test } from 'vitest'

const files = globSync('kvs/**/*.ts').map((path) => ({ path, text: readFileSync(path, 'utf8') }))

/** Whatever is loaded when the program runs, as it is written; a type is gone by then. */
function importsOf(text: string): string[] {
  const imported = text.matchAll(/^(?:import|export) (?!type )[^'"]*?from '([^']+)'/gm)
  return [...imported, ...text.matchAll(/(?<!\.)\brequire\('([^']+)'\)/g)].map(([, from = '']) => from)
}

/** The folder below kvs/, or the file where it is in none. */
function roomOf(path: string): string {
  return (path.split('/')[1] ?? '').replace(/\.ts$/, '')
}

test('imports point the way that the README says', () => {
  const [, sentence = ''] = /^Imports point one way: (.*?)\. /m.exec(readFileSync('README.md', 'utf8')) ?? []
  const floors = sentence.split(' → ').map((floor) => [...floor.matchAll(/`([\w-]+)`/g)].map(([, room]) => room))
  expect(floors[0]).toEqual(['main'])
  const ground = floors.length - 1
  const floorOf = (room: string) => {
    const floor = floors.findIndex((rooms) => rooms.includes(room))
    return floor < 0 ? ground : floor
  }
  const folders = new Set(
    files
      .map(({ path }) => path)
      .filter((path) => path.split('/').length > 2)
      .map(roomOf),
  )
  expect([...folders].filter((folder) => floorOf(folder) === ground)).toEqual([])

  const upward = files.flatMap(({ path, text }) =>
    [...text.matchAll(/ from '(\.[^']+)'/g)]
      .map(([, from = '']) => normalize(join(dirname(path), from)))
      .filter((target) => roomOf(target) !== roomOf(path) && floorOf(roomOf(target)) <= floorOf(roomOf(path)))
      .filter((target) => floorOf(roomOf(target)) < ground)
      .map((target) => `${path} imports ${target}`),
  )
  expect(upward).toEqual([])
})

test('each package is known to one room', () => {
  const rooms = new Map<string, Set<string>>()
  for (const { path, text } of files) {
    for (const name of importsOf(text).filter((from) => !/^(\.|node:)/.test(from))) {
      rooms.set(name, (rooms.get(name) ?? new Set()).add(roomOf(path)))
    }
  }
  const known = Object.fromEntries([...rooms].map(([name, rooms]) => [name, [...rooms].join(', ')]))
  expect(known).toEqual({
    ...{ 'find-my-way': 'http', limiter: 'access', pg: 'log', pino: 'logger', 'pino-pretty': 'logger' },
    ...{ 'prom-client': 'metrics', undici: 'forward' },
  })
})

test('no file of the service is longer than 250 lines', () => {
  const long = files.filter(({ text }) => text.split('\n').length > 251).map(({ path }) => path)
  expect(long).toEqual([])
})

/** These have a server of their own; the others share one, each with a database on it. */
const withOwnServer = ['test/containers/rotation.test.ts', 'test/drill/faults/postgres.ts']

test('no test ends the connections of another one’s', () => {
  const careless = globSync('test/**/*.ts')
    .filter((path) => !withOwnServer.includes(path) && path !== 'test/architecture.test.ts')
    .filter((path) => {
      const ends = readFileSync(path, 'utf8').matchAll(/pg_(?:terminate|cancel)_backend\(pid\)(?:(?!;|\)\n).)*/gs)
      return [...ends].some(([statement]) => !/current_database\(\)|SyncRep/.test(statement))
    })
  expect(careless).toEqual([])
})
