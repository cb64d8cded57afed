import { KvsError } from '../core/errors.ts'
import { SpoolStorageError, unreadable } from './spool-storage.ts'

/** There is no spool yet, and no space to create one. */
export class NoSpace extends Error {
  override readonly name = 'NoSpace'
}

/** Another process has the spool open. Whoever holds the slot's lock meets only a process that is about to end. */
export class SpoolHeld extends Error {
  override readonly name = 'SpoolHeld'
}

/** The spool holds writes, and there is no space to bring it to this version. Its writes can be had once there is. */
export class Outdated extends Error {
  override readonly name = 'Outdated'
}

/** Why a spool could not be opened. */
export function openingError(name: string, error: Error): Error {
  const reason = error instanceof SpoolStorageError ? error.reason : 'failed'
  if (reason === 'full') return new NoSpace(`there is no space for the spool ${name}`)
  if (reason === 'held') return new SpoolHeld(`another process has the spool ${name} open`)
  const sentence = unreadable(name, error.message)
  return reason === 'outdated' ? new Outdated(sentence) : new Error(sentence)
}

/** Why the spool has not taken writes, for their clients. */
export function additionError(error: Error): Error {
  if (!(error instanceof SpoolStorageError)) return error
  if (error.reason === 'full') {
    return new KvsError('spool_full', 'the disk under the spool is full; nothing was stored')
  }
  return new KvsError('undecided', `the spool can’t be written (${error.message}); the write may or may not be in it`)
}
