import { randomUUID } from 'node:crypto'

/**
 * Chance as the service sees it. Everything below `roles/` is given one, as the clock, so that the simulator can repeat
 * a run.
 */
export interface Random {
  /** A number from 0 up to, but not including, 1. */
  fraction(): number
  /** A random UUID, version 4. */
  uuid(): string
}

/** Chance as Node has it. */
export const systemRandom: Random = { fraction: () => Math.random(), uuid: () => randomUUID() }
