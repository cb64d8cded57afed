import { monitorEventLoopDelay } from 'node:perf_hooks'

/**
 * Loaded into a node with `--import`. Tells the parent process ten times a second by how many milliseconds the event
 * loop was late at most.
 */
const resolution = 1
const delays = monitorEventLoopDelay({ resolution })
delays.enable()
setInterval(() => {
  process.send?.({ lateMs: Math.max(0, delays.max / 1e6 - resolution) })
  delays.reset()
}, 100).unref()
