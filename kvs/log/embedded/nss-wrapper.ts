import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { platform } from 'node:os'
import { promisify } from 'node:util'

/** Debian's package libnss-wrapper has it. The image needs none: its cluster is made without initdb. */
const library = 'libnss_wrapper.so'

/**
 * What to add to the environment of initdb, which ends where the user that it runs as has no name, as a uid that a
 * container was told to run as has none. It is shown a file with one, by a library that answers in the place of
 * /etc/passwd; nobody else sees that.
 * @param file is written where it is needed
 */
export async function nameFor(uid: number | undefined, file: string): Promise<NodeJS.ProcessEnv> {
  if (platform() !== 'linux' || uid === undefined || (await hasName(uid))) return {}
  await writeFile(file, `kvs:x:${uid}:0::/:/bin/false\n`, { mode: 0o644 })
  return { LD_PRELOAD: library, NSS_WRAPPER_PASSWD: file, NSS_WRAPPER_GROUP: '/etc/group' }
}

/** For the error of an initdb that did not get one. */
export function adviceOn(output: string): string {
  if (!output.includes('could not look up effective user ID')) return ''
  return '; give this user a name in /etc/passwd, or install libnss-wrapper'
}

async function hasName(uid: number): Promise<boolean> {
  return promisify(execFile)('id', ['-un', String(uid)]).then(
    () => true,
    () => false,
  )
}
