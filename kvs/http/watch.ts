import type { Socket } from 'node:net'
import type { Answer } from './answer.ts'
import type { RequestLog } from './request-log.ts'
import type { HttpTally } from './tally.ts'

/** The answer that a connection is at. One listener for each connection then does for all its requests. */
const current = Symbol('current')

interface Connection extends Socket {
  [current]?: Answer
}

/** Has each request counted and told to the log once it is over: its answer is out, or its connection gone. */
export function makeWatch(tally: HttpTally, log: RequestLog): (answer: Answer) => void {
  function end(answer: Answer): void {
    const { about } = answer
    if (about.onOver === undefined) return
    about.onOver = undefined
    const now = performance.now()
    tally.end(answer, (now - about.arrivedAt) / 1_000)
    log(answer, (about.answeredAt || now) - about.arrivedAt)
  }

  function follow(connection: Connection): void {
    connection.once('close', () => {
      if (connection[current]) end(connection[current])
    })
  }

  return (answer) => {
    const connection: Connection = answer.req.socket
    if (connection.destroyed) return
    tally.begin()
    answer.about.onOver = end
    if (answer.socket === null) {
      // Pipelined behind one that is not out yet, and so not the connection's to close
      connection.once('close', () => end(answer))
    } else {
      if (connection[current] === undefined) follow(connection)
      connection[current] = answer
    }
  }
}
