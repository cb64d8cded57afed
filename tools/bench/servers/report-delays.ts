import { openSync, readSync } from 'node:fs'

/**
 * Loaded into a node with `--import`. Tells the parent process ten times a second by how many milliseconds the event
 * loop was late at most, and by how many without the time in which other processes had its core.
 */
const resolution = 1
const tellEvery = 100
const statistics = openStatistics()

let [lateMs, busyMs] = [0, 0]
let before = look()
setInterval(() => {
  const now = look()
  const late = now.at - before.at - resolution
  lateMs = Math.max(lateMs, late)
  busyMs = Math.max(busyMs, late - (now.waited - before.waited))
  before = now
}, resolution).unref()

setInterval(() => {
  process.send?.({ lateMs, busyMs })
  ;[lateMs, busyMs] = [0, 0]
}, tellEvery).unref()

function look(): { at: number; waited: number } {
  return { at: performance.now(), waited: readWaited() }
}

/** How long this thread has waited for a core so far, in milliseconds. It takes 10 µs; CPU times are exact to 4 ms. */
function readWaited(): number {
  if (statistics === undefined) return 0
  const text = Buffer.alloc(64)
  const length = readSync(statistics, text, 0, text.length, 0)
  return Number(text.toString('latin1', 0, length).split(' ')[1]) / 1e6
}

/** The file of the kernel; undefined on other systems than Linux. */
function openStatistics(): number | undefined {
  return process.platform === 'linux' ? openSync(`/proc/self/task/${process.pid}/schedstat`, 'r') : undefined
}
