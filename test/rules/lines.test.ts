import { globSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

/** Lines with more characters than `most`, as FILE:LINE. */
function longLines(path: string, most: number, counts: (line: string) => boolean): string[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((line, index) => (counts(line) && [...line].length > most ? [`${path}:${index + 1}`] : []))
}

test('no comment is longer than 120 characters', () => {
  const files = globSync(['{clients,examples,kvs,test,tools}/**/*.ts', 'migrations/*.sql'])
  const isComment = (line: string) => /^\s*(?:\/\/|\/?\*)|^--/.test(line)
  expect(files.flatMap((path) => longLines(path, 120, isComment))).toEqual([])
})

test('no line of prose is longer than 160 characters', () => {
  const files = globSync(['*.md', '{clients,docs,examples}/**/*.md'])
  const long = files.flatMap((path) => {
    let isInCode = false
    return longLines(path, 160, (line) => {
      if (line.startsWith('```')) isInCode = !isInCode
      return !isInCode && !/^\s*(?:\||<|!\[|\[.*\]:)/.test(line)
    })
  })
  expect(long).toEqual([])
})
