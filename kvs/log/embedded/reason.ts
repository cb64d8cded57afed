/**
 * The line of what a Postgres program wrote that says why it ended, without its time and process: of the last error and all
 * that is worse, since what comes after is mere farewell; else its last line.
 */
export function reasonIn(output: string): string {
  const lines = output.trim().split('\n')
  const told = lines.findLast((line) => /\b(?:ERROR|FATAL|PANIC): |: error: |error while loading/.test(line))
  return (told ?? lines.at(-1) ?? '').replace(/^.*?\b(?:ERROR|FATAL|PANIC): +/, '').trim()
}
