import { KvsError, NotOwner } from '../../../kvs/core/errors.ts'
import type { MovedAnswersPage } from '../../../kvs/core/moved-answer.ts'
import { positionAt } from '../../../kvs/core/position.ts'
import { membersOf, ownerOf, type Positions, type Ring, slotsOfMember } from '../../../kvs/core/ring/description.ts'
import { slotOf } from '../../../kvs/core/ring/key-slot.ts'
import { allSlots } from '../../../kvs/core/ring/slot-ranges.ts'
import type { AskedAnswers } from '../../../kvs/kv/moved-answers.ts'
import type {
  AskedChanges,
  AskedKeys,
  MovedPage,
  RingService,
  RingState,
  TakeProgress,
} from '../../../kvs/kv/ring-service.ts'

/** A ring in which every change is made at once and nobody is asked, for tests of the HTTP side. */
export function makeFakeRing(self = 'here:1', ...start: (readonly [position: number, address: string])[]) {
  let ring: Ring | undefined = start.length === 0 ? undefined : ringOf(new Map(start), 1)
  const asked: [what: string, ...details: unknown[]][] = []

  function change(what: string, detail: unknown, positions: Positions): Promise<void> {
    if (fake.failure) return Promise.reject(fake.failure)
    asked.push([what, detail])
    ring = ringOf(positions, (ring?.version ?? 0) + 1)
    return Promise.resolve()
  }

  async function note(...call: [string, ...unknown[]]): Promise<void> {
    if (fake.failure) throw fake.failure
    asked.push(call)
  }

  const fake = {
    self,
    asked,
    failure: undefined as KvsError | undefined,
    isStarting: false,
    requireKnown() {
      if (fake.isStarting) throw new KvsError('not_ready')
    },
    async catchUp(): Promise<void> {
      fake.requireKnown()
    },
    current: () => ring,
    versionText: () => (ring === undefined ? '' : `${ring.id}=${ring.version}`),
    owns: (key: string) => ring === undefined || ownerOf(ring.positions, slotOf(key)) === self,
    requireOwned(key: string) {
      if (!fake.owns(key)) throw new NotOwner(fake.versionText())
    },
    ownersOf: (key: string) => [(ring && ownerOf(ring.positions, slotOf(key))) ?? self],
    members: () => (ring === undefined ? [self] : membersOf(ring.positions)),
    learnFrom: async () => undefined,
    onNews: () => () => undefined,
    replace: (positions: Positions) => change('replace', Object.fromEntries(positions), positions),
    add: (position: number, address: string) =>
      change('add', [position, address], new Map([...(ring?.positions ?? []), [position, address]])),
    remove: (address: string) =>
      change('remove', address, new Map([...(ring?.positions ?? [])].filter(([, member]) => member !== address))),
    position: positionAt('cafe', 7n),
    state: (): RingState => ({
      ...{ ring, self, position: fake.position },
      owns: ring === undefined ? allSlots : slotsOfMember(ring.positions, self),
    }),
    async learn(learnt: Ring) {
      await note('learn', learnt)
      ring = learnt
    },
    async give(given: Ring, isCheck: boolean) {
      await note('give', given, isCheck)
      return positionAt('cafe', 8n)
    },
    progress: () => ({ taking: null, moved: 0, copies: 0 }),
    taken: { state: 'copying', keys: 0, obstacle: undefined } as TakeProgress,
    async take(asked: Ring, gives: unknown): Promise<TakeProgress> {
      await note('take', asked, gives)
      return fake.taken
    },
    page: { position: positionAt('cafe', 7n), items: [], last: undefined } as MovedPage,
    async movedKeys(part: AskedKeys): Promise<MovedPage> {
      await note('keys', part)
      return fake.page
    },
    async movedChanges(part: AskedChanges): Promise<MovedPage> {
      await note('changes', part)
      return fake.page
    },
    answers: { answers: [], through: 7n, isLast: true } as MovedAnswersPage,
    async movedAnswers(part: AskedAnswers): Promise<MovedAnswersPage> {
      await note('answers', part)
      return fake.answers
    },
    callOff: () => note('call off'),
    removeLost: (...removal: unknown[]) => note('remove lost', ...removal),
    change: (change: unknown) => note('change', change),
  } satisfies RingService & Record<string, unknown>
  return fake
}

function ringOf(positions: Positions, version: number): Ring {
  return {
    id: 'beef',
    version,
    home: positions.values().next().value ?? 'here:1',
    positions,
    next: undefined,
    standbys: [],
  }
}
