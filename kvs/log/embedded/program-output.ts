/** Lines about a failure: errors, log lines that come before the error which they lead to, and a program's own. */
const failurePatterns = [
  /\b(?:ERROR|FATAL|PANIC): +(.*)/,
  /\bLOG: +((?:could not|unrecognized|invalid|parameter) .*)/,
  /((?:^|: )error: .*|^.*error while loading .*)/,
]
const failureLine = new RegExp(failurePatterns.map(({ source }) => source).join('|'))

/** How many lines a reason has at most. */
const mostLines = 3

/**
 * Why a Postgres program ended, in one line, from its output: its first errors, the cause first, without their times.
 * Where there are none, its last line.
 */
export function reasonIn(output: string): string {
  const lines = output.trim().split('\n')
  const errors = lines.flatMap((line) => {
    const [, error, log, other] = failureLine.exec(line) ?? []
    return (error ?? log ?? other)?.replace(/^: /, '') ?? []
  })
  return errors.length > 0 ? [...new Set(errors)].slice(0, mostLines).join('; ') : (lines.at(-1)?.trim() ?? '')
}
