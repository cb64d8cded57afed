import type { Clock } from '../../lib/clock.ts'

export interface SliceOptions {
  readonly clock: Pick<Clock, 'now' | 'soon'>
  /** How long a slice takes, in milliseconds. The default is 2. */
  readonly sliceMs?: number | undefined
  /** Most steps of a slice; the default is no bound. */
  readonly sliceSteps?: number | undefined
  /** Has the next slice come after what waits meanwhile. The default is `clock.soon`. */
  readonly pause?: ((next: () => void) => void) | undefined
}

/** Long work, done in slices so short that nothing else waits for long. */
export interface Slices {
  /**
   * Does the work step by step. Of several works each gets a slice in turn, so that a turn of the event loop has one
   * slice in it, however many there are. Rejects with what a step throws, or with the error of `stop`.
   * @param work takes a step with each value that it yields; a step takes some microseconds
   */
  run(work: Iterator<unknown>): Promise<void>
  /** Ends all work, now and later, with this error. */
  stop(error: Error): void
}

interface Work {
  readonly steps: Iterator<unknown>
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** A look at the clock costs about as much as a short step. */
const stepsPerLook = 16

export function makeSlices(options: SliceOptions): Slices {
  const { clock, sliceMs = 2, sliceSteps = Infinity, pause = clock.soon } = options
  const waiting: Work[] = []
  let isPlanned = false
  let stopped: Error | undefined

  function plan(): void {
    if (isPlanned || waiting.length === 0) return
    isPlanned = true
    pause(runSlice)
  }

  function runSlice(): void {
    isPlanned = false
    const work = waiting.shift()
    if (work !== undefined && !isDone(work)) waiting.push(work)
    plan()
  }

  /** Does a slice of the work. Returns whether that was the last one. */
  function isDone({ steps, resolve, reject }: Work): boolean {
    const end = clock.now() + sliceMs
    try {
      for (let step = 1; !steps.next().done; step++) {
        if (step >= sliceSteps || (step % stepsPerLook === 0 && clock.now() >= end)) return false
      }
      resolve()
    } catch (error) {
      reject(error)
    }
    return true
  }

  return {
    run(steps) {
      if (stopped !== undefined) return Promise.reject(stopped)
      return new Promise((resolve, reject) => {
        waiting.push({ steps, resolve, reject })
        plan()
      })
    },
    stop(error) {
      stopped = error
      for (const { reject } of waiting.splice(0)) reject(error)
    },
  }
}
