import { Diverged } from './log.ts'

/** What an operator is to do about a log that went back. */
export const wentBackAdvice =
  'Was an older dump restored, or did a failover lose its tail? Do not restart this node: it may hold what the log ' +
  'lost. Bring back the log that has it, and restart then; a restart without it goes on from the log as it is'

/**
 * The message about a log that somebody changed by hand.
 * @param flaw what is wrong with it
 */
export function brokenLog(flaw: string): string {
  return (
    `the log was changed by other hands than an append’s: ${flaw}. docs/outages.md says how to mend it; ` +
    'restart the node then'
  )
}

/** An entry whose kind this program does not know. */
export class UnknownEntry extends Diverged {
  constructor(sequence: string | number, eventType: number) {
    super(`entry ${sequence} of the log has the unknown event_type ${eventType}`)
  }
}
