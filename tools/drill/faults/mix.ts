import type { Context, Drill } from '../drill.ts'
import { cut, drop, slow } from './network.ts'
import { lock, restart, terminate } from './postgres-faults.ts'
import { kill, pauseService, stop } from './processes.ts'

type Fault = (context: Context) => Promise<void>

const onKvs: readonly Fault[] = [
  (context) => kill(context, 'kvs'),
  (context) => kill(context, 'kvs', 'postgres'),
  (context) => stop(context, 'kvs'),
  (context) => pauseService(context, 'kvs'),
]

const elsewhere: readonly Fault[] = [
  (context) => kill(context, 'postgres'),
  (context) => stop(context, 'postgres'),
  (context) => pauseService(context, 'postgres'),
  (context) => drop(context, 'both'),
  (context) => drop(context, 'to postgres'),
  (context) => drop(context, 'from postgres'),
  ...[cut, slow, restart, terminate, lock],
]

async function mix(context: Context): Promise<void> {
  const { random, pause } = context
  if (random.chance(0.3)) return random.pick(onKvs)(context)
  const fault = random.pick(elsewhere)(context)
  if (random.chance(0.7)) return fault
  // A kill in the midst of another fault
  const killed = pause(0, 2).then(() => kill(context, 'kvs'))
  await Promise.allSettled([fault, killed])
  await Promise.all([fault, killed])
}

export const mixDrills: readonly Drill[] = [
  {
    name: 'mix',
    sentence: 'Kills, stops, pauses, locks and faults of the network at random, some of them two at a time.',
    stack: { proxy: true },
    fault: mix,
  },
]
