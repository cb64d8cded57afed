export interface NodeLog {
  readonly name: string
  readonly output: string
}

/** What the nodes have logged, one after the other, each under its name; a single one's as it is. */
export function logsOf(logs: readonly NodeLog[]): string {
  if (logs.length < 2) return logs.map(({ output }) => output).join('')
  return logs.map(({ name, output }) => `=== ${name}\n${output.trimEnd()}\n`).join('')
}
