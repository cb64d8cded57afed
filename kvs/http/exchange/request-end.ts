import type { Socket } from 'node:net'
import type { RequestLog } from './request-log.ts'
import type { HttpTally } from './request-tally.ts'
import type { Answer } from './response.ts'

/** What a connection is to be asked about when it closes: one listener for each then does for all its requests. */
const unfinished = Symbol('unfinished')

interface Connection extends Socket {
  [unfinished]?: Unfinished
}

interface Unfinished {
  /** The answer that the connection is at, or was at last. */
  current: Answer | undefined
  /** Answers that were made before the one ahead of them was out. */
  readonly queued: Set<Answer>
}

/** Has each request counted and told to the log once it is over: its answer is out, or its connection gone. */
export function makeWatch(tally: HttpTally, log: RequestLog): (answer: Answer) => void {
  function end(answer: Answer): void {
    const { about } = answer
    if (about.onOver === undefined) return
    about.onOver = undefined
    about.release?.()
    about.release = undefined
    const connection: Connection = answer.req.socket
    connection[unfinished]?.queued.delete(answer)
    const ms = performance.now() - about.arrivedAt
    tally.end(answer, ms / 1_000)
    log(answer, ms)
  }

  function follow(connection: Connection): Unfinished {
    const answers: Unfinished = { current: undefined, queued: new Set() }
    connection[unfinished] = answers
    connection.once('close', () => {
      if (answers.current) end(answers.current)
      for (const answer of answers.queued) end(answer)
    })
    return answers
  }

  return (answer) => {
    const connection: Connection = answer.req.socket
    if (connection.destroyed) return
    const answers = connection[unfinished] ?? follow(connection)
    tally.begin()
    answer.about.onOver = end
    if (answer.socket === null) answers.queued.add(answer)
    else answers.current = answer
  }
}
