import { globSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { expect, test } from 'vitest'

/**
 * Time and chance that a file takes from Node instead of from the `Clock` and the `Random` that it is given. Two things
 * are not among them: secrets (`randomBytes`), which must not be repeatable, and the timeouts that Node itself keeps,
 * of sockets and of requests (`AbortSignal.timeout`).
 */
const direct = [
  /\bDate\.now\b/,
  /\bnew Date\(\)/,
  /\bperformance\.now\b/,
  /\bhrtime\b/,
  /(?<![.\w])set(?:Timeout|Interval|Immediate)\b/,
  /\bnode:timers\b/,
  /\bMath\.random\b/,
  /\brandomUUID\b/,
]

/** Files that may: `lib/` takes time and chance from Node for everybody, and the wiring of a process is above them. */
const sources = /^kvs\/(?:main\.ts|healthcheck\.ts|roles\/.*|lib\/(?:clock|random)\.ts)$/

/** Rooms that take time or chance from Node as yet. */
const notYet: string[] = []

interface Use {
  readonly room: string
  /** Place and text of the line. */
  readonly line: string
}

const uses: Use[] = globSync('kvs/**/*.ts')
  .filter((path) => !sources.test(path))
  .flatMap((path) =>
    withoutComments(readFileSync(path, 'utf8'))
      .split('\n')
      .flatMap((text, index) =>
        direct.some((pattern) => pattern.test(text))
          ? [{ room: dirname(path), line: `${path}:${index + 1}: ${text.trim()}` }]
          : [],
      ),
  )

/** The text with as many lines as before. */
function withoutComments(text: string): string {
  return text.replace(/\/\*.*?\*\//gs, (comment) => comment.replace(/[^\n]/g, '')).replace(/(?<=^|\s)\/\/.*$/gm, '')
}

test('time and chance are injected below roles/', () => {
  expect(uses.filter(({ room }) => !notYet.includes(room)).map(({ line }) => line)).toEqual([])
})

test('a room that takes neither from Node any more is not excused from it', () => {
  const rooms = new Set(uses.map(({ room }) => room))
  expect(notYet.filter((room) => !rooms.has(room))).toEqual([])
})
