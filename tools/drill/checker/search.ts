import { absent, type Register, type Step } from './register.ts'

/** State of a key whose value no remaining read asks for, so that it no longer matters. */
const forgotten = -1

/** The point beyond which no order goes. */
export interface Impasse {
  /** Length of the longest order. */
  readonly placed: number
  readonly last: readonly Step[]
  /** Last write of that order; undefined if the key had no value yet. */
  readonly write: Step | undefined
  /** A read that has yet to see that write's value, so that no other write may come now. */
  readonly awaited: Step | undefined
  /** The step that has to be next, because all others may wait, and that cannot be. */
  readonly blocked: Step
  /** Steps that overlapped it. */
  readonly beside: readonly Step[]
}

/** A begin or an end of a step that has no place in the order yet. A begin knows its end. */
interface Mark {
  readonly id: number
  readonly time: number
  readonly step: Step | undefined
  readonly end: Mark | undefined
  previous: Mark
  next: Mark
}

/** A point to return to, with the writes that were not tried there yet. */
interface Fork {
  readonly untried: (Mark | typeof unknownDelete)[]
  readonly placed: number
  readonly state: number
  readonly deletes: number
}
const unknownDelete = 'unknown delete'

/**
 * Looks for one order of all steps that a register could have gone through, each step within its time: Wing & Gong,
 * "Testing and verifying concurrent objects" (1993), with the memory of Lowe, "Testing for linearizability" (2017): the
 * same operations in another order that leave the same state need no second try. An operation that gets a place is cut
 * out of the list of begins and ends, and put back when the place proves wrong.
 *
 * Unique values spare most of the choices, without loss:
 * - a read that sees the present value goes first, as it takes nothing from the others;
 * - a value that some read still has to see can't be covered, as nobody puts it again;
 * - a write whose value no read is left to see goes as soon as it may, so that another write covers it;
 * - of several deletes the one that has to be done soonest goes first, one of unknown outcome last;
 * - a write that needs the present value, which nothing else has to see any more, is the only one that can come next.
 *
 * @param maxTries how many pairs of operations placed and state are looked at before it gives up, so that it always
 * ends
 */
export function findOrder(register: Register, maxTries: number): 'found' | 'gave up' | Impasse {
  const { unknownDeletes } = register
  const list = makeList(register.steps)
  const readsOf = Map.groupBy(
    register.steps.filter((step) => !step.writes),
    (step) => step.state,
  )
  const readsLeft = [...register.reads]
  const placed: Mark[] = []
  const forks: Fork[] = []
  const tried = new Set<string>()
  let state = absent
  let deletes = 0
  /** Number of steps without a place that need the key to have no value. */
  let heirsOfNothing = register.steps.filter(({ needs }) => needs === absent).length
  let impasse: Impasse | undefined

  const wanted = (of: number) => (readsLeft[of] ?? 0) > 0

  function place(mark: Mark, step: Step): void {
    cutOut(mark)
    placed.push(mark)
    count(step, -1)
    if (step.writes) state = step.state
  }

  function count({ writes, state, needs }: Step, by: 1 | -1): void {
    const found = writes ? needs : state
    if (found !== undefined) readsLeft[found] = (readsLeft[found] ?? 0) + by
    if (needs === absent) heirsOfNothing += by
  }

  function takeBack(to: Fork): void {
    while (placed.length > to.placed) {
      const mark = placed.pop()
      if (mark?.step === undefined) break
      putBack(mark)
      count(mark.step, 1)
    }
    state = to.state
    deletes = to.deletes
  }

  function placeAll(fits: (step: Step) => boolean): void {
    for (let again = true; again; ) {
      again = false
      for (const [mark, step] of list.open()) {
        if (!fits(step)) continue
        place(mark, step)
        again = true
      }
    }
  }

  function placeHeir(): boolean {
    if (state <= absent || readsLeft[state] !== 1) return false
    const heir = [...list.open()].find(([, step]) => step.needs === state)
    if (heir) place(...heir)
    return heir !== undefined
  }

  /** Places all steps that need no choice. */
  function placeFree(): void {
    do placeAll((step) => !step.writes && step.state === state)
    while (placeHeir())
    if (!wanted(state)) state = forgotten
    if (state === forgotten || (state === absent && heirsOfNothing === 0)) {
      placeAll((step) => step.writes && step.needs === undefined && !wanted(step.state))
    }
    if (!wanted(state)) state = forgotten
  }

  /** Lists the steps that could be next, the likeliest last. */
  function choices(): Fork['untried'] {
    if (state > absent) return []
    const puts: Mark[] = []
    let soonest: Mark | undefined
    for (const [mark, step] of list.open()) {
      if (!step.writes || (step.needs !== undefined && step.needs !== state)) continue
      if (step.state !== absent) puts.push(mark)
      else if (step.until < (soonest?.step?.until ?? Number.POSITIVE_INFINITY)) soonest = mark
    }
    const next = unknownDeletes[deletes]
    const idle = state === absent || !wanted(absent) || next === undefined || next > list.firstEnd().time
    return [...(idle ? [] : ([unknownDelete] as const)), ...(soonest ? [soonest] : []), ...puts.reverse()]
  }

  function situation(): string {
    let open = ''
    for (const [mark] of list.open()) open += `${mark.id},`
    return `${list.firstEnd().id}:${open}${state}:${deletes}`
  }

  function noteImpasse(): void {
    const blocked = list.firstEnd().step
    if (blocked === undefined || (impasse && impasse.placed >= placed.length)) return
    const beside = [...list.open()].map(([, step]) => step).filter((step) => step !== blocked)
    const last = placed.slice(-3).flatMap((mark) => mark.step ?? [])
    const write = placed.findLast((mark) => mark.step?.writes)?.step
    const awaited = state > absent ? readsOf.get(state)?.at(-(readsLeft[state] ?? 0)) : undefined
    impasse = { placed: placed.length, last, write, awaited, blocked, beside }
  }

  while (true) {
    placeFree()
    if (list.empty()) return 'found'
    const now = situation()
    const untried = tried.has(now) ? [] : choices()
    tried.add(now)
    if (tried.size > maxTries) return 'gave up'
    if (untried.length === 0) noteImpasse()
    forks.push({ untried, placed: placed.length, state, deletes })

    while (true) {
      const fork = forks.at(-1)
      if (fork === undefined) return impasse ?? 'gave up'
      takeBack(fork)
      const choice = fork.untried.pop()
      if (choice === undefined) {
        forks.pop()
        continue
      }
      if (choice === unknownDelete) {
        deletes++
        state = absent
      } else if (choice.step) place(choice, choice.step)
      break
    }
  }
}

/** Lists begins and ends by time. At the same time begins come first, since such operations may have overlapped. */
function makeList(steps: readonly Step[]) {
  const head = makeMark(0, Number.NEGATIVE_INFINITY)
  const marks = steps.flatMap((step, index) => {
    const end = makeMark(2 * index + 2, step.until, step)
    return [makeMark(2 * index + 1, step.from, step, end), end]
  })
  marks.sort((a, b) => a.time - b.time || Number(a.end === undefined) - Number(b.end === undefined))
  for (const mark of marks) {
    mark.previous = head.previous
    mark.next = head
    head.previous.next = mark
    head.previous = mark
  }
  return {
    empty: () => head.next === head,
    /** Yields the steps that may be next: those that began before the first end of a step without a place. */
    *open(): Generator<[Mark, Step]> {
      for (let mark = head.next; mark.end && mark.step; mark = mark.next) yield [mark, mark.step]
    },
    firstEnd(): Mark {
      let mark = head.next
      while (mark.end) mark = mark.next
      return mark
    },
  }
}

function makeMark(id: number, time: number, step?: Step, end?: Mark): Mark {
  const mark = { id, time, step, end } as Mark
  mark.previous = mark
  mark.next = mark
  return mark
}

function cutOut(mark: Mark): void {
  for (const one of [mark, mark.end]) {
    if (one === undefined) continue
    one.previous.next = one.next
    one.next.previous = one.previous
  }
}

/** Undoes cutOut, in reverse order: a mark that was cut out still knows its neighbours. */
function putBack(mark: Mark): void {
  for (const one of [mark.end, mark]) {
    if (one === undefined) continue
    one.previous.next = one
    one.next.previous = one
  }
}
