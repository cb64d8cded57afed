import type { RingDrill } from './ring-drill.ts'
import { changeInPeace, killWhileChanging, type Victim } from './ring-faults.ts'

/** Enough for a change to take a second or two at the rate of `ringSettings`. */
const bulk = 3_000
const victims: readonly Victim[] = ['node', 'postgres', 'machine']

const kills = (victim: Victim, words: string): RingDrill => ({
  name: `ring-kill-${victim}`,
  sentence: `${words} of a ring is killed with SIGKILL at a random moment while its keys move, and started.`,
  bulk,
  fault: (context) => killWhileChanging(context, victim),
})

/** All drills of a ring, in the order in which `all` runs them. */
export const ringDrills: readonly RingDrill[] = [
  {
    name: 'ring-moves',
    sentence:
      'Positions are added to a ring and members taken out, one after the other; no key waits for over a second.',
    bulk,
    longestWait: 1,
    fault: changeInPeace,
  },
  kills('node', 'The node of a member'),
  kills('postgres', 'The Postgres of a member'),
  kills('machine', 'A member, its node and its Postgres at once,'),
  {
    name: 'ring-random',
    sentence: 'A node of a ring, a Postgres or both are killed with SIGKILL at random moments while its keys move.',
    bulk,
    fault: (context) => killWhileChanging(context, context.random.pick(victims)),
  },
]
