import { expect, test } from 'vitest'
import type { Fault, Operation } from '../../../../tools/drill/history.ts'
import { drawTimeline } from '../../../../tools/drill/timeline.ts'

function makeOperations(count: number): Operation[] {
  const answers = [
    { kind: 'put', outcome: 'ok', status: 201 },
    { kind: 'get', outcome: 'ok', status: 200 },
    { kind: 'delete', outcome: 'ok', status: 202 },
    { kind: 'put', outcome: 'failed', status: 503 },
    { kind: 'get', outcome: 'unknown', status: 0 },
    { kind: 'get', outcome: 'torn', status: 200 },
  ] as const
  return Array.from({ length: count }, (_, index) => {
    const answer = answers[index % answers.length] ?? answers[0]
    return { client: 1, key: 'k', invoked: index, returned: index + 1 + (index % 500), ...answer }
  })
}

/** Reads the picture as strictly as a browser does where it stands alone: tags that match, and nothing unescaped. */
function elementsOf(svg: string): string[] {
  const open: string[] = []
  const names: string[] = []
  const rest = svg.replaceAll(
    /<(\/?)([a-z]+)((?: [\w:-]+="[^"<&]*(?:&(?:amp|lt|gt|quot|#39);[^"<&]*)*")*)(\/?)>/g,
    (...match) => {
      const [, closes, name = '', , empty] = match.map(String)
      if (closes) expect(open.pop()).toBe(name)
      else names.push(name)
      if (!closes && !empty) open.push(name)
      return ''
    },
  )
  expect(open).toEqual([])
  expect(rest.replaceAll(/&(amp|lt|gt|quot|#39);/g, '')).not.toMatch(/[<&]/)
  return names
}

const faults: Fault[] = [
  { name: 'kill kvs', from: 1_000 },
  { name: 'cut <kvs> & "postgres"', from: 1_100, to: 4_000 },
  { name: 'kill postgres', from: 1_200 },
]

test('one well-formed picture that names the drill and the faults', () => {
  const svg = drawTimeline({ title: 'a & b\u0000', history: { operations: makeOperations(6_000), faults } })
  expect(elementsOf(svg)[0]).toBe('svg')
  expect(svg).toContain('>a &amp; b</text>')
  for (const name of ['kill kvs', 'cut &lt;kvs&gt; &amp; &quot;postgres&quot;', 'kill postgres']) {
    expect(svg).toContain(`>${name}</text>`)
  }
  for (const kind of ['write', 'spooled', 'refused', 'open', 'read', 'torn']) {
    expect(svg).toMatch(new RegExp(`<path d="[^"]+" class="${kind}"/>`))
  }
  expect(svg).not.toMatch(/NaN|Infinity|undefined|<script|href/)
})

test('labels of faults at the same time are below one another', () => {
  const same = Array.from({ length: 4 }, (_, index) => ({ name: `fault ${index}`, from: 500 + index }))
  const svg = drawTimeline({ title: 'x', history: { operations: [], faults: same } })
  const heights = [...svg.matchAll(/y="([\d.]+)" class="fault-label"/g)].map((match) => match[1])
  expect(new Set(heights).size).toBe(4)
})

test('a label near the right edge ends before its mark', () => {
  const late = [
    { name: 'the first fault', from: 500 },
    { name: 'the very last fault', from: 10_000 },
  ]
  const svg = drawTimeline({ title: 'x', history: { operations: [], faults: late } })
  expect(svg).toMatch(/class="fault-label" text-anchor="end">the very last fault</)
})

test('time begins with what was done first', () => {
  const at = (from: number) => drawTimeline({ title: 'x', history: { operations: [], faults: [{ name: 'a', from }] } })
  expect(at(60_000)).toBe(at(0))
})

test('nothing happened, and it is a picture all the same', () => {
  const svg = drawTimeline({ title: 'nothing', history: { operations: [], faults: [] } })
  elementsOf(svg)
  expect(svg).toContain('0 writes, 0 reads, 0 faults')
  expect(svg).not.toMatch(/NaN|Infinity/)
})

test('neither many operations nor many faults make it large', () => {
  const kills = Array.from({ length: 5_000 }, (_, index) => ({ name: `kill ${index}`, from: index * 20 }))
  const svg = drawTimeline({ title: 'many', history: { operations: makeOperations(100_000), faults: kills } })
  elementsOf(svg)
  expect(svg.length).toBeLessThan(200_000)
  expect(svg).toMatch(/and 4,\d{3} more faults/)
})
