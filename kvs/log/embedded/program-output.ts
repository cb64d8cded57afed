/** What a line has to say of a failure: an error or worse, or what is only logged before the error that it leads to. */
const telling =
  /\b(?:ERROR|FATAL|PANIC): +(.*)|\bLOG: +((?:could not|unrecognized|invalid|parameter) .*)|((?:^|: )error: .*|^.*error while loading .*)/

const most = 3

/**
 * Why a Postgres program has ended, of what it wrote, in one line: its first complaints, from the cause to what came of it,
 * without their times. Where it complains of nothing, its last line.
 */
export function reasonIn(output: string): string {
  const lines = output.trim().split('\n')
  const told = lines.flatMap((line) => {
    const [, error, log, other] = telling.exec(line) ?? []
    return (error ?? log ?? other)?.replace(/^: /, '') ?? []
  })
  return told.length > 0 ? [...new Set(told)].slice(0, most).join('; ') : (lines.at(-1)?.trim() ?? '')
}
