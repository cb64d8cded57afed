import { wentBackAdvice } from './divergence.ts'
import { type Committed, Diverged } from './log.ts'
import type { Registration, WriterStatements } from './writer-port.ts'

/** What a writer knows of its own numbers, and of the session that it has registered. */
export interface Numbering {
  readonly id: string
  session: string
  writerNumber: number
  committed: Committed | undefined
  /** Number of the last write that this process ever sent. */
  sent: bigint
}

/** Registers a new session, and compares the writer's last write in the log with what this process knows of it. */
export async function takeOver(
  numbering: Numbering,
  statements: WriterStatements,
  session: string,
): Promise<Registration> {
  const { id, committed: known, sent } = numbering
  numbering.session = session
  const replaced = await statements.readSession(id)
  if (replaced === undefined && known) {
    throw new Diverged(`the log went back, or is another one: it knows nothing of this node. ${wentBackAdvice}`)
  }
  const registration = await statements.register(id, session, replaced)
  if (!registration) throw new Error('somebody else registered as this node at the same time')
  const { number } = registration.committed
  if (known !== undefined && number < known.number) {
    const lost = `numbers ${number + 1n} to ${known.number}`
    throw new Diverged(`the log went back: it lacks the last writes of this node (${lost}). ${wentBackAdvice}`)
  }
  if (known !== undefined && number > sent) throw new Diverged(copied)
  return registration
}

export function committedOf({ committed }: Numbering): Committed {
  if (committed === undefined) throw new Error('used before it was registered')
  return committed
}

/** Numbers rise where there is nothing to write as well. */
export function numberAfter(numbering: Numbering, writes: readonly unknown[]): bigint {
  return committedOf(numbering).number + BigInt(Math.max(1, writes.length))
}

export const copied = 'another process appends as this node: is its data directory a copy of another one’s?'
