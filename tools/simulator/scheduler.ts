import type { Timer } from '../../kvs/lib/clock.ts'

/**
 * Virtual time. Events run one after the other, in the order of their times; of two at the same time the one that was
 * set first runs first. Before the next event every promise has had its turn, so that a run depends on nothing but its
 * events.
 */
export interface Scheduler {
  /** Virtual milliseconds since the start. */
  readonly now: number
  /** How many events have run. */
  readonly events: number
  /** A new lane. Its events run as long as it is neither paused nor ended. */
  lane(): Lane
  /**
   * Runs events until the condition holds.
   * @returns false where it does not hold by that time, or where no event is left
   */
  run(isOver: () => boolean, until: number): Promise<boolean>
}

/** The events of one process or one machine, which can be frozen or killed with all that it had planned. */
export interface Lane {
  after(ms: number, act: () => void): Timer
  /** Holds events back, as SIGSTOP does. They run when the lane goes on. */
  pause(): void
  resume(): void
  /** Drops all events, as SIGKILL does. Nothing that is set later ever runs. */
  end(): void
  readonly isEnded: boolean
}

interface Event {
  readonly time: number
  readonly order: number
  readonly lane: LaneState
  readonly act: () => void
  isCancelled: boolean
}

interface LaneState {
  isPaused: boolean
  isEnded: boolean
  held: Event[]
}

/** A run that comes to more events than this goes in circles. */
const mostEvents = 2_000_000

export function makeScheduler(): Scheduler {
  const queue = makeQueue()
  let now = 0
  let events = 0
  let order = 0

  function add(time: number, lane: LaneState, act: () => void): Event {
    const event: Event = { time, order: order++, lane, act, isCancelled: false }
    queue.push(event)
    return event
  }

  /** Whether the event has run. */
  function runEvent(event: Event): void {
    now = Math.max(now, event.time)
    const { lane } = event
    if (event.isCancelled || lane.isEnded) return
    if (lane.isPaused) {
      lane.held.push(event)
      return
    }
    events++
    event.isCancelled = true
    event.act()
  }

  return {
    get now() {
      return now
    },
    get events() {
      return events
    },
    lane: () => makeLane(add, () => now),

    async run(isOver, until) {
      await settled()
      while (!isOver()) {
        const next = queue.peek()
        if (next === undefined || next.time > until) return false
        if (events > mostEvents) throw new Error(`the run went in circles: ${mostEvents} events by ${now} ms`)
        queue.pop()
        runEvent(next)
        await settled()
      }
      return true
    },
  }
}

function makeLane(add: (time: number, lane: LaneState, act: () => void) => Event, now: () => number): Lane {
  const lane: LaneState = { isPaused: false, isEnded: false, held: [] }
  return {
    after: (ms, act) => timerOf(add(now() + Math.max(0, ms), lane, act)),
    pause() {
      lane.isPaused = true
    },
    resume() {
      lane.isPaused = false
      const { held } = lane
      lane.held = []
      for (const event of held) {
        const again = add(now(), lane, () => runHeld(event))
        again.isCancelled = event.isCancelled
      }
    },
    end() {
      lane.isEnded = true
      lane.held = []
    },
    get isEnded() {
      return lane.isEnded
    },
  }
}

/** An event that was held back can have been cancelled by one that was held back before it. */
function runHeld(event: Event): void {
  if (event.isCancelled) return
  event.isCancelled = true
  event.act()
}

function timerOf(event: Event): Timer {
  const timer: Timer = {
    cancel() {
      event.isCancelled = true
    },
    unref: () => timer,
  }
  return timer
}

/**
 * Resolves once no promise has anything left to do. Node runs what `nextTick` was given after all microtasks, those
 * that they add included, and without a turn of the event loop.
 */
function settled(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve))
}

/** A binary heap, the earliest event on top. */
function makeQueue() {
  const heap: Event[] = []
  const isBefore = (one: Event, other: Event) =>
    one.time < other.time || (one.time === other.time && one.order < other.order)

  function swap(one: number, other: number): void {
    const kept = heap[one] as Event
    heap[one] = heap[other] as Event
    heap[other] = kept
  }

  function sink(from: number): void {
    for (let at = from; ; ) {
      let least = at
      for (const child of [2 * at + 1, 2 * at + 2]) {
        const event = heap[child]
        if (event !== undefined && isBefore(event, heap[least] as Event)) least = child
      }
      if (least === at) return
      swap(at, least)
      at = least
    }
  }

  return {
    peek: () => heap[0],
    push(event: Event) {
      let at = heap.push(event) - 1
      while (at > 0) {
        const parent = (at - 1) >> 1
        if (!isBefore(event, heap[parent] as Event)) return
        swap(at, parent)
        at = parent
      }
    },
    pop(): Event | undefined {
      const [top] = heap
      const last = heap.pop()
      if (last === undefined || heap.length === 0) return top
      heap[0] = last
      sink(0)
      return top
    },
  }
}
