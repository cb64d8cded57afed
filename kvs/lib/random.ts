import { randomUUID } from 'node:crypto'

/** Chance as the service sees it. Like the clock, it is given to everything below `roles/`. */
export interface Random {
  /** A number from 0 up to, but not including, 1. */
  fraction(): number
  /** A random UUID, version 4. */
  uuid(): string
}

/** Node's own randomness. */
export const systemRandom: Random = { fraction: () => Math.random(), uuid: () => randomUUID() }
