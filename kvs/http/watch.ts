import type { Answer } from './answer.ts'
import type { RequestLog } from './request-log.ts'
import type { HttpTally } from './tally.ts'

/** Has each request counted and told to the log once it is over: its answer is out, or its connection gone. */
export function makeWatch(tally: HttpTally, log: RequestLog): (answer: Answer) => void {
  /** One function for all answers, not one made for each. */
  function end(this: Answer): void {
    if (this.isOver) return
    this.isOver = true
    const ms = performance.now() - this.arrivedAt
    tally.end(this, ms / 1_000)
    log(this, ms)
  }

  return (answer) => {
    const { socket } = answer.req
    if (socket.destroyed) return
    tally.begin()
    answer.on('close', end)
    // Pipelined behind another one, it has no connection yet, and may never close.
    if (answer.socket === null) socket.once('close', () => end.call(answer))
  }
}
