import { describe } from 'vitest'

/** For what reads /proc, or runs what only Linux has. Elsewhere it is skipped, with a note. */
export function describeOnLinux(name: string, suite: () => void): void {
  if (process.platform === 'linux') {
    describe(name, suite)
    return
  }
  process.stderr.write(`Skipped, since it needs Linux: ${name}\n`)
  describe.skip(name, suite)
}
