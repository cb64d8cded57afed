import { describe, test } from 'vitest'

/** For what reads /proc, or runs what only Linux has. Elsewhere it is skipped, with a note. */
export function describeOnLinux(name: string, suite: () => void): void {
  if (process.platform !== 'linux') tell('Linux', name)
  describe.runIf(process.platform === 'linux')(name, suite)
}

/** For what gives files and processes to other users. */
export function testAsRoot(name: string, body: () => Promise<void>): void {
  testWhere(process.getuid?.() === 0, 'root', name, body)
}

/** Where `what` is not there it is skipped, with a note. */
export function testWhere(isThere: boolean, what: string, name: string, body: () => Promise<void>): void {
  if (!isThere) tell(what, name)
  test.runIf(isThere)(name, body)
}

function tell(what: string, name: string): void {
  process.stderr.write(`SKIPPED, since it needs ${what}: ${name}\n`)
}
