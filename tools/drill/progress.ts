/** Shows where a run is: one line that is rewritten on a terminal, a line for each step elsewhere. */
export interface Progress {
  step(drill: string, step: string): void
  /** Prints a line that stays. */
  say(line: string): void
  /** Clears the line. */
  end(): void
}

interface Output {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

/** Least milliseconds between two lines of a step that starts with a count, where output is no terminal. */
const plainInterval = 10_000

export function makeProgress(output: Output, total: number): Progress {
  const started = performance.now()
  let current = ''
  let number = 0
  let countTold = Number.NEGATIVE_INFINITY
  let hasLine = false

  function clear(): void {
    if (hasLine) output.write('\r\u001b[K')
    hasLine = false
  }

  return {
    step(drill, step) {
      if (drill !== current) number++
      const isCount = /^\d/.test(step)
      current = drill
      const line = `${clock(performance.now() - started)} ${number}/${total} ${drill}: ${step}`
      if (output.isTTY) {
        output.write(`\r\u001b[K${line.slice(0, (output.columns || 80) - 1)}`)
        hasLine = true
      } else if (!isCount || performance.now() > countTold + plainInterval) {
        countTold = isCount ? performance.now() : Number.NEGATIVE_INFINITY
        output.write(`${line}\n`)
      }
    },
    say(line) {
      clear()
      output.write(`${line}\n`)
    },
    end: clear,
  }
}

function clock(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}
