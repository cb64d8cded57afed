import { monitorEventLoopDelay } from 'node:perf_hooks'

/**
 * Loaded into a node with `--import`. Tells the parent process ten times a second by how many milliseconds the event
 * loop was late at most, and how much CPU time it took at most between two turns that are a millisecond apart or more.
 */
const resolution = 1
const delays = monitorEventLoopDelay({ resolution })
delays.enable()

let busyMs = 0
let before = cpuMs()
setInterval(() => {
  const now = cpuMs()
  busyMs = Math.max(busyMs, now - before)
  before = now
}, resolution).unref()

setInterval(() => {
  process.send?.({ lateMs: Math.max(0, delays.max / 1e6 - resolution), busyMs })
  delays.reset()
  busyMs = 0
}, 100).unref()

/** Of this thread alone: what other processes take from it is not in it. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000
}
