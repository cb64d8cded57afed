export interface NodeLog {
  readonly name: string
  readonly output: string
}

/** Joins the nodes' logs, each under its node's name; a single log stays as it is. */
export function logsOf(logs: readonly NodeLog[]): string {
  if (logs.length < 2) return logs.map(({ output }) => output).join('')
  return logs.map(({ name, output }) => `=== ${name}\n${output.trimEnd()}\n`).join('')
}
