import type { Context, Drill } from '../drill.ts'

/** Moves the clock by a second to a year, forth or back, several times in a row, and then back to the real time. */
async function jump({ stack, random, pause, lasting }: Context): Promise<void> {
  for (let jumps = random.integer(1, 4); jumps > 0; jumps--) {
    const seconds = Math.round(10 ** random.between(0, 7.5)) * random.pick([-1, 1])
    await lasting(`clock ${seconds > 0 ? '+' : '−'}${Math.abs(seconds)} s`, async () => {
      await stack.setClock(seconds)
      await pause(0.2, 1)
    })
  }
  await stack.setClock(0)
}

export const clockDrills: readonly Drill[] = [
  {
    name: 'clock',
    sentence: 'The wall clock of kvs jumps forth and back, by a second or by a year.',
    needsContainers: true,
    stack: { clock: true },
    fault: jump,
  },
]
