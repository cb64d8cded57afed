import type { Run } from './measured-run.ts'
import type { ByRound } from './stats.ts'

/** Runs contenders in the order A B C A B C …, so that disturbances of the machine hit all alike. */
export async function interleave<T>(
  { rounds, signal }: { readonly rounds: number; readonly signal?: AbortSignal },
  contenders: readonly T[],
  run: (contender: T, round: number) => Promise<void>,
): Promise<void> {
  for (let round = 1; round <= rounds; round++) {
    for (const contender of contenders) {
      signal?.throwIfAborted()
      await run(contender, round)
    }
  }
}

/** Returns a number for each round of one contender on one case; runs that do not count are left out. */
export function byRound(
  runs: readonly Run[],
  of: { readonly case: string; readonly contender: string },
  number: (run: Run) => number | undefined,
): ByRound {
  const found = runs.filter((run) => run.case === of.case && run.contender === of.contender && !run.problem)
  return new Map(
    found.flatMap((run) => {
      const value = number(run)
      return value === undefined || !Number.isFinite(value) ? [] : [[run.round, value] as const]
    }),
  )
}
