import { globSync, readFileSync } from 'node:fs'
import { basename, dirname, join, normalize } from 'node:path'
import { expect, test } from 'vitest'

/** What a row of the map in docs/architecture.md says of a room. */
interface Room {
  readonly name: string
  /** Whether other rooms import its face alone. */
  readonly hasFace: boolean
  readonly imports: readonly string[]
}

const files = globSync('kvs/**/*.ts').map((path) => ({ path, text: readFileSync(path, 'utf8') }))
const tools = globSync('tools/**/*.ts').map((path) => ({ path, text: readFileSync(path, 'utf8') }))
/** What runs elsewhere: it asks the service as anybody does, and imports nothing of it. */
const outside = globSync('{clients,examples}/**/*.ts').map((path) => ({ path, text: readFileSync(path, 'utf8') }))
const rooms = readMap(readFileSync('docs/architecture.md', 'utf8'))

function readMap(text: string): Room[] {
  const lines = text.split('\n')
  const start = lines.indexOf('| room | what is in it | face | imports |') + 2
  const rows = lines.slice(
    start,
    lines.findIndex((line, index) => index >= start && !line.startsWith('|')),
  )
  return rows.map((row) => {
    const [, name = '', , face = '', imports = ''] = row.split('|')
    const quoted = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map(([, text = '']) => text)
    return { name: quoted(name)[0] ?? '', hasFace: quoted(face)[0] === 'index.ts', imports: quoted(imports) }
  })
}

/** The innermost room that a file is in; a file of `kvs/` itself is a room of its own. */
function roomOf(path: string): string {
  const inner = path.replace(/^kvs\//, '')
  const names = rooms.map(({ name }) => name).filter((name) => inner === `${name}.ts` || inner.startsWith(`${name}/`))
  return names.toSorted((one, other) => other.length - one.length)[0] ?? inner
}

interface Import {
  readonly path: string
  readonly target: string
}

/** Finds all imports of the service's files, those of types and dynamic ones among them. */
function importsOf(sources: typeof files): Import[] {
  return sources.flatMap(({ path, text }) =>
    [...text.matchAll(/(?:from |\bimport\(|^import )'(\.[^']+)'/gm)]
      .map(([, from = '']) => ({ path, target: normalize(join(dirname(path), from)) }))
      .filter(({ target }) => target.startsWith('kvs/')),
  )
}

/** The imports from one room into another. */
const crossings = importsOf(files).filter(({ path, target }) => roomOf(target) !== roomOf(path))

test('the map has every room, and none that is not there', () => {
  const found = new Set(files.map(({ path }) => roomOf(path)))
  expect(rooms.map(({ name }) => name).toSorted()).toEqual([...found].toSorted())
})

test('a room imports what the map says', () => {
  const imports = new Map(rooms.map(({ name }) => [name, new Set<string>()]))
  for (const { path, target } of crossings) imports.get(roomOf(path))?.add(roomOf(target))
  const found = [...imports].map(([name, targets]) => `${name}: ${[...targets].toSorted().join(', ')}`)
  expect(found).toEqual(rooms.map(({ name, imports }) => `${name}: ${imports.toSorted().join(', ')}`))
})

test('imports point one way', () => {
  const order = rooms.map(({ name }) => name)
  const upward = rooms.flatMap(({ name, imports }) =>
    imports
      .filter((target) => order.indexOf(target) < order.indexOf(name))
      .map((target) => `${name} imports ${target}`),
  )
  expect(upward).toEqual([])
})

test('a room is imported through its face, by tools as well', () => {
  const faces = new Set(rooms.filter(({ hasFace }) => hasFace).map(({ name }) => name))
  const past = [...crossings, ...importsOf(tools)]
    .filter(({ target }) => faces.has(roomOf(target)) && target !== `kvs/${roomOf(target)}/index.ts`)
    .map(({ path, target }) => `${path} imports ${target}`)
  expect(past).toEqual([])
})

test('core is pure: it imports neither a package nor a module of Node, but for the hash that slots are made of', () => {
  const imports = files
    .filter(({ path }) => roomOf(path) === 'core')
    .flatMap(({ path, text }) =>
      [...text.matchAll(/(?: from |\bimport\(|^import )'([^.'][^']*)'/gm)].map(([, from]) => `${path}: ${from}`),
    )
  expect(imports).toEqual(['kvs/core/ring/key-slot.ts: node:crypto'])
})

test('each package is known to one room', () => {
  const known: Record<string, string[]> = {}
  for (const { path, text } of files) {
    for (const name of packagesIn(text)) known[name] = [...new Set([...(known[name] ?? []), roomOf(path)])]
  }
  expect(known).toEqual({
    ...{
      'find-my-way': ['http/api'],
      limiter: ['access'],
      pg: ['log/postgres', 'log/embedded'],
      pino: ['logger'],
    },
    ...{ 'pino-pretty': ['logger'], 'prom-client': ['metrics'], undici: ['forward'] },
  })
})

test('node:http is known to the wire and the adapters alone, so that another wire can carry the same handlers', () => {
  const found = files.filter(({ text }) => /'node:https?'/.test(text)).map(({ path }) => path)
  expect(found.filter((path) => !path.startsWith('kvs/http/wire/')).toSorted()).toEqual([
    'kvs/healthcheck.ts',
    ...['node-request', 'node-response', 'reason-phrases'].map((name) => `kvs/http/exchange/${name}.ts`),
  ])
})

/** Packages that are loaded when the file runs; the import of a type is gone by then. */
function packagesIn(text: string): string[] {
  const imported = text.matchAll(/^(?:import|export) (?!type )[^'"]*?from '([^']+)'/gm)
  return [...imported, ...text.matchAll(/(?<!\.)\brequire\('([^']+)'\)/g)]
    .map(([, from = '']) => from)
    .filter((from) => !/^(\.|node:)/.test(from))
}

test('no two files of the service have the same name, apart from faces', () => {
  const names = files.map(({ path }) => basename(path)).filter((name) => name !== 'index.ts')
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
})

test('a client imports nothing of the service, and no package or module of Node, so that it runs anywhere', () => {
  const clients = outside.filter(({ path }) => path.startsWith('clients/'))
  expect(clients.length).toBeGreaterThan(10)
  const imports = clients.flatMap(({ path, text }) =>
    [...text.matchAll(/(?: from |\bimport\(|^import )'(?!\.\/)([^']*)'/gm)].map(([, from]) => `${path}: ${from}`),
  )
  expect(imports).toEqual([])
})

test('no file of the service, of the tools or of the clients is longer than 250 lines', () => {
  const long = [...files, ...tools, ...outside]
    .filter(({ text }) => text.split('\n').length > 251)
    .map(({ path }) => path)
  expect(long).toEqual([])
})

/** These have a server of their own; the others share one, each with a database on it. */
const withOwnServer = ['test/container/rotation.test.ts', 'tools/drill/faults/postgres-faults.ts']

test('no test ends the connections of another one’s', () => {
  const careless = globSync(['test/**/*.ts', 'tools/**/*.ts'])
    .filter((path) => !withOwnServer.includes(path) && path !== 'test/rules/architecture.test.ts')
    .filter((path) => {
      const ends = readFileSync(path, 'utf8').matchAll(/pg_(?:terminate|cancel)_backend\(pid\)(?:(?!;|\)\n).)*/gs)
      return [...ends].some(([statement]) => !/current_database\(\)|SyncRep/.test(statement))
    })
  expect(careless).toEqual([])
})
