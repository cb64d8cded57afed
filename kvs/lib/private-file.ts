import { closeSync, openSync } from 'node:fs'

/** Makes the file where there is none, for its owner alone; SQLite gives the files beside it the same mode. */
export function makePrivate(path: string): void {
  closeSync(openSync(path, 'a', 0o600))
}
