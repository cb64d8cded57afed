import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { serviceSettings, settings } from '../../kvs/config/all-settings.ts'
import { urlRules } from '../../kvs/config/postgres-url-parameters.ts'
import { accessSettings } from '../../kvs/config/settings/access-settings.ts'
import { forwardingSettings } from '../../kvs/config/settings/forwarding-settings.ts'
import { catalogue } from '../../kvs/core/errors.ts'
import { states } from '../../kvs/kv/status.ts'
import { dailyRights } from '../../kvs/log/postgres/rights.ts'
import { drills } from '../../tools/drill/drills.ts'
import { ringDrills } from '../../tools/drill/ring/ring-drills.ts'
import { sitesDrills } from '../../tools/drill/sites/sites-drills.ts'
import { fakeRoutes } from '../unit/http/serve.ts'

const root = new URL('../../', import.meta.url)
const read = (name: string) => readFileSync(new URL(name, root), 'utf8')
const readme = read('README.md')
const documents = ['README.md', 'SECURITY.md', 'CONTRIBUTING.md', ...readdirSync(new URL('docs/', root))].flatMap(
  (name) => (name.endsWith('.md') ? [/^[A-Z]/.test(name) ? name : `docs/${name}`] : []),
)

/** As GitHub makes links of them. */
function headingsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

/** The rows of a document's table with these headings, each cell without its backquotes. */
function tableIn(text: string, ...headings: string[]): string[][] {
  const lines = text.split('\n')
  const start = lines.indexOf(`| ${headings.join(' | ')} |`)
  if (start < 0) throw new Error(`there is no table with ${headings.join(', ')}`)
  const rows = lines.slice(start + 2)
  const end = rows.findIndex((line) => !line.startsWith('|'))
  return rows.slice(0, end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replace(/^`([^`]*)`$/, '$1')),
  )
}

test('the README is short, and gives the commands that package.json has', () => {
  expect(readme.split(/\s+/).length).toBeLessThanOrEqual(900)
  const { scripts } = JSON.parse(read('package.json'))
  expect(scripts).toHaveProperty('start')
  expect(scripts).toHaveProperty('test')
  expect(readme).toMatch(/npm ci && npm start/)
  expect(readme).toMatch(/npm cit/)
  const texts = [readme, read('CONTRIBUTING.md')].join('\n')
  for (const [, name] of texts.matchAll(/npm run ([\w:]+)/g)) expect(scripts).toHaveProperty([name ?? ''])
})

test('docs/settings.md has every setting with its default, and none that is not there', () => {
  expect(tableIn(read('docs/settings.md'), 'setting', 'default', 'what it is')).toEqual(
    settings.map((setting) => [setting.name, setting.default ?? '', setting.purpose]),
  )
})

test('docs/states.md has every state', () => {
  const rows = tableIn(read('docs/states.md'), 'state', '`/readyz`', 'meaning')
  expect(rows.map(([state, , meaning]) => [state, meaning])).toEqual(Object.entries(states))
})

test('docs/api.md has every route', () => {
  const served = Object.entries(fakeRoutes()).flatMap(([path, { methods }]) => {
    const shown = path
      .replace('*:', 'PREFIX:')
      .replace('*', 'KEY')
      .replace(/(?<=\/):(\w+)/g, (_, name: string) => name.toUpperCase())
    // Transactions are posted to one path.
    return Object.keys(methods).map((method) => `${method} ${method === 'POST' ? shown.replace('PREFIX', '') : shown}`)
  })
  const told = tableIn(read('docs/api.md'), 'request', 'answer').map(([request = '']) => request.replace(/\?.*/, ''))
  // HEAD goes with GET, and is told where it matters
  expect(told).toEqual(
    expect.arrayContaining(served.filter((route) => !route.startsWith('HEAD') || route.includes('/v1/'))),
  )
  expect(served).toEqual(expect.arrayContaining(told))
})

test('docs/api.md has every error with its status', () => {
  expect(tableIn(read('docs/api.md'), 'code', 'status', 'returned when')).toEqual(
    Object.entries(catalogue).map(([code, { status, when }]) => [code, String(status), when]),
  )
})

test.each(documents)('%s links only what is there', (name) => {
  for (const [, path = '', heading] of read(name).matchAll(/\]\(([^)#\s]*)(?:#([^)]+))?\)/g)) {
    if (/^https?:/.test(path)) continue
    const target = path === '' ? new URL(name, root) : new URL(path, new URL(name, root))
    expect(existsSync(target), path).toBe(true)
    if (heading !== undefined) expect(headingsOf(readFileSync(target, 'utf8'))).toContain(heading)
  }
})

test('docs/postgres.md has each parameter of a URL that is taken', () => {
  const text = read('docs/postgres.md')
  const taken = [...urlRules].flatMap(([name, rule]) => ('sets' in rule || rule.only.length > 0 ? [name] : []))
  expect(taken.filter((name) => !text.includes(`\`${name}\``))).toEqual([])
  const told = tableIn(text, 'parameter', 'what it does').flatMap(([names = '']) => names.match(/\w+/g) ?? [])
  expect([...urlRules.keys()]).toEqual(expect.arrayContaining(told))
})

test('docs/postgres.md has the rights that a node asks for', () => {
  const told = tableIn(read('docs/postgres.md'), 'table', 'rights').map(([table = '', rights = '']) => [
    table,
    rights.match(/\w+/g) ?? [],
  ])
  expect(Object.fromEntries(told)).toEqual(dailyRights)
})

test('docs/log.md names the columns that the migrations make', () => {
  const sql = readdirSync(new URL('migrations/', root))
    .map((name) => read(`migrations/${name}`))
    .join('\n')
  const cells = /\| `transactions` \| the entries: (.*) \|/.exec(read('docs/log.md'))?.[1] ?? ''
  const columns = [...cells.matchAll(/`(\w+)`/g)].map(([, name = '']) => name)
  const body = /CREATE TABLE transactions \(([\s\S]*?)\);/.exec(sql)?.[1] ?? ''
  const made = [...body.matchAll(/^\s*(\w+) {2,}/gm)].map(([, name]) => name)
  const changes = [...sql.matchAll(/^ALTER TABLE transactions\b[^;]*/gm)].join('\n')
  const added = [...changes.matchAll(/ADD COLUMN (\w+) {2}/g)].map(([, name]) => name)
  expect(columns).toEqual([...made, ...added])
})

test('every setting that the code’s own texts name exists', () => {
  const known = new Set<string>(settings.map(({ name }) => name))
  const texts = [...documents.map(read), JSON.stringify(catalogue), JSON.stringify(states)].join('\n')
  for (const [name] of texts.matchAll(/\b(KVS|POSTGRES|FORWARDING)_[A-Z_]+[A-Z]\b/g)) expect(known).toContain(name)
})

test('docs/drills.md has every drill, and none that is not there', () => {
  const text = read('docs/drills.md')
  const rowsAfter = (heading: string) => {
    const start = text.indexOf(`| ${heading} | what is done |`)
    return text.slice(start, text.indexOf('\n\n', start)).split('\n').slice(2)
  }
  const rows = ['drill', 'drill of several nodes', 'drill of a ring', 'drill of sites'].flatMap(rowsAfter)
  const told = rows.flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => name))
  expect(told.toSorted()).toEqual([...drills, ...ringDrills, ...sitesDrills].map(({ name }) => name).toSorted())
})

test('compose hands every setting on, but for those that are the image’s own, or an overlay’s', () => {
  const compose = read('docker-compose.yml')
  const fixed = ['KVS_HOST', 'PORT', 'KVS_DATA_DIR', 'KVS_ALLOW_ANONYMOUS', 'KVS_TOKENS_FILE']
  const tables = [forwardingSettings, accessSettings, serviceSettings]
  const names = tables.flatMap((table) => Object.values(table)).map(({ name }) => name)
  for (const name of names.filter((name) => !fixed.includes(name)))
    expect(compose).toMatch(new RegExp(`^      ${name}:`, 'm'))
})
