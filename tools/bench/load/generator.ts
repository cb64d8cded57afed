import { performance } from 'node:perf_hooks'
import { Worker } from 'node:worker_threads'
import type { Draw } from './draw.ts'
import { makeDraw } from './draw.ts'
import { type Connection, openConnection } from './http.ts'
import { makeRecorder, type Window } from './recorder.ts'

export interface Generation extends Draw {
  readonly port: number
  /** Nodes that the connections go to in turns, each with the slots that it is asked for; by default all to `port`. */
  readonly nodes?: readonly { readonly port: number; readonly slots?: string }[]
  readonly connections: number
  /** Requests a second, on a fixed schedule; undefined: each connection sends as soon as it has its answer. */
  readonly rate?: number
  readonly seconds?: number
  /** Number of requests; the run ends with these or with the seconds, whichever comes first. */
  readonly count?: number
  /** Length of the stretches that are reported besides the whole, in seconds. */
  readonly windowSeconds?: number
  /** Counts 404 as a success, for loads that delete keys. */
  readonly allowsMissing?: boolean
}

/**
 * Open loop: every request has its moment, whether or not the server keeps up, and its latency counts from there. One
 * that has to wait for a free connection has waited (Tene, "How not to measure latency", on coordinated omission).
 * @param until no more is sent once it aborts
 */
export async function generate(
  generation: Generation,
  onWindow?: (window: Window) => void,
  until?: AbortSignal,
): Promise<Window> {
  const { rate, seconds = Number.POSITIVE_INFINITY, windowSeconds } = generation
  const idle: Drawing[] = await openConnections(generation)
  const all = [...idle]
  const recorder = makeRecorder()
  const total = Math.min(generation.count ?? Number.POSITIVE_INFINITY, (rate ?? Number.POSITIVE_INFINITY) * seconds)
  const ticker = rate === undefined ? undefined : startTicker()
  const start = performance.now() + 20
  const end = start + 1000 * seconds
  const perRequest = rate === undefined ? 0 : 1000 / rate
  let next = 0
  let answered = 0
  let idleSince = start
  let finish: () => void = () => undefined
  const finished = new Promise<void>((resolve) => {
    finish = resolve
  })

  function send(): void {
    for (;;) {
      const now = performance.now()
      const scheduled = rate === undefined ? now : start + next * perRequest
      if (
        until?.aborted ||
        next >= total ||
        scheduled > now ||
        now > end + 30_000 ||
        (rate === undefined && now >= end)
      )
        return
      const drawing = idle.shift()
      if (drawing === undefined) return
      next++
      if (rate !== undefined) recorder.lag(now - Math.max(scheduled, idleSince))
      drawing.connection.send(drawing.draw(), (status) => receive(drawing, scheduled, status))
    }
  }

  function receive(drawing: Drawing, scheduled: number, status: number): void {
    const now = performance.now()
    answered++
    const isMissing = status === 404 && generation.allowsMissing === true
    recorder.answer(now - scheduled, (status >= 200 && status < 300) || isMissing)
    if (idle.length === 0) idleSince = now
    if (status !== 0) idle.push(drawing)
    send()
    if (answered === next && (until?.aborted || next >= total || now >= end)) finish()
    else if (idle.length === 0 && answered === next) finish() // every connection is lost
  }

  const timer =
    windowSeconds && onWindow
      ? setInterval(() => onWindow(recorder.cut((performance.now() - start) / 1000)), 1000 * windowSeconds)
      : undefined
  until?.addEventListener('abort', () => answered === next && finish())
  ticker?.on('message', send)
  send()
  const last = setTimeout(() => answered === next && finish(), Math.min(2 ** 31 - 1, 1000 * seconds + 1000))
  await finished
  clearTimeout(last)
  clearInterval(timer)
  await ticker?.terminate()
  for (const { connection } of all) connection.close()
  return recorder.whole((performance.now() - start) / 1000)
}

/** A connection, and what draws its requests. */
interface Drawing {
  readonly connection: Connection
  readonly draw: () => string
}

function openConnections(generation: Generation): Promise<Drawing[]> {
  const { port, connections, nodes = [{ port }] } = generation
  const draws = nodes.map((node, index) =>
    makeDraw({ ...generation, ...node, seed: generation.seed + 1_000_000 * index }),
  )
  return Promise.all(
    Array.from({ length: connections }, async (_, index) => {
      const at = index % nodes.length
      const connection = await openConnection(nodes[at]?.port ?? port)
      return { connection, draw: draws[at] as () => string }
    }),
  )
}

/** Starts a thread that posts 5,000 messages a second: Node's own timers are no finer than a millisecond. */
function startTicker(): Worker {
  const program = `
    const { parentPort } = require('node:worker_threads')
    const cell = new Int32Array(new SharedArrayBuffer(4))
    for (;;) { Atomics.wait(cell, 0, 0, 0.2); parentPort.postMessage(0) }`
  return new Worker(program, { eval: true })
}
