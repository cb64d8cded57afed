import { expect, test } from 'vitest'
import { type Result, renderMarkdown, renderTable, summarize } from '../../../../tools/drill/report.ts'

const kill: Result = {
  drill: 'kill postgres',
  seed: 7,
  seconds: 60,
  acknowledged: 12_345,
  lost: 0,
  torn: 0,
  readsChecked: 98_765,
  violations: [],
  secondsWithoutWrites: 0.04,
  secondsUntilReady: 1.26,
  passed: true,
  faults: 3,
}
const broken: Result = {
  ...kill,
  drill: 'disk full',
  lost: 1,
  violations: ['key k: a is lost', 'key k is not linearizable\n    client 1'],
  secondsUntilReady: null,
  passed: false,
}

test('the table is aligned, numbers to the right, and tells what was violated', () => {
  expect(renderTable([kill, broken])).toBe(
    `
drill          acknowledged  lost  torn  reads checked  violations  s without writes  s until ready  verdict
-------------  ------------  ----  ----  -------------  ----------  ----------------  -------------  -------
kill postgres        12,345     0     0         98,765           0               0.0            1.3  pass
disk full            12,345     1     0         98,765           2               0.0              -  FAIL

disk full, seed 7:
  key k: a is lost
  key k is not linearizable
      client 1`.trimStart(),
  )
})

test('of many violations the first are told and the rest counted', () => {
  const sentences = Array.from({ length: 1_012 }, (_, index) => `sentence ${index}`)
  expect(summarize(sentences)).toHaveLength(11)
  expect(summarize(sentences).at(-1)).toBe('and 1,002 more')
  expect(summarize(sentences.slice(0, 10))).toEqual(sentences.slice(0, 10))
  expect(renderTable([{ ...broken, violations: sentences }])).toContain('and 1,002 more')
})

test('Markdown', () => {
  const lines = renderMarkdown([{ ...kill, drill: 'kill | stop\n"both"' }]).split('\n')
  expect(lines).toEqual([
    '| drill | acknowledged | lost | torn | reads checked | violations | s without writes | s until ready | verdict |',
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |',
    '| kill \\| stop "both" | 12,345 | 0 | 0 | 98,765 | 0 | 0.0 | 1.3 | pass |',
  ])
})

test('no drills, a table of headings only', () => {
  expect(renderTable([]).split('\n')).toHaveLength(2)
  expect(renderMarkdown([]).split('\n')).toHaveLength(2)
})
