import type { Socket } from 'node:net'
import type { SeededRandom } from '../seeded-random.ts'
import type { Conditions } from './proxy.ts'

export interface PumpOptions {
  readonly from: Socket
  readonly to: Socket
  readonly way: 'up' | 'down'
  readonly conditions: () => Conditions
  readonly random: SeededRandom
}

/** One direction of one connection: carries the bytes, and the end of them, when they are due. */
export interface Pump {
  /** The conditions are others now. */
  wake(): void
}

/** Past it the sender is held back, as by a full window. */
const largestQueue = 1024 * 1024

export function makePump({ from, to, way, conditions, random }: PumpOptions): Pump {
  const queue: { readonly due: number; readonly item: Buffer | 'end' | 'destroy' }[] = []
  let queued = 0
  let lastDue = 0
  let timer: NodeJS.Timeout | undefined

  from.on('data', (chunk: Buffer) => add(chunk))
  from.on('end', () => add('end'))
  from.on('close', () => add('destroy'))
  to.on('close', () => clearTimeout(timer))

  function add(item: Buffer | 'end' | 'destroy'): void {
    const { latencyMs = 0, jitterMs = 0, bytesPerSecond } = conditions()
    const size = typeof item === 'string' ? 0 : item.length
    const now = performance.now()
    const arrival = now + latencyMs + random.between(0, jitterMs)
    lastDue = Math.max(lastDue, arrival) + (bytesPerSecond ? (1000 * size) / bytesPerSecond : 0)
    queue.push({ due: lastDue, item })
    queued += size
    if (queued > largestQueue) from.pause()
    deliver()
  }

  function deliver(): void {
    clearTimeout(timer)
    const { holds } = conditions()
    if (holds === 'both' || holds === way) return
    for (let head = queue[0]; head !== undefined; head = queue[0]) {
      const wait = head.due - performance.now()
      if (wait > 0) {
        timer = setTimeout(deliver, wait)
        return
      }
      queue.shift()
      carry(head.item)
    }
  }

  function carry(item: Buffer | 'end' | 'destroy'): void {
    if (item === 'destroy') to.destroySoon()
    else if (to.destroyed || to.writableEnded) return
    else if (item === 'end') to.end()
    else {
      to.write(item)
      queued -= item.length
      if (queued < largestQueue / 2) from.resume()
    }
  }

  return { wake: deliver }
}
