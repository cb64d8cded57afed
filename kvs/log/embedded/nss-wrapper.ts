import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { platform } from 'node:os'
import { promisify } from 'node:util'

/** In Debian's package libnss-wrapper. The image does without: its cluster is made without initdb. */
const library = 'libnss_wrapper.so'

/**
 * The variables that give initdb's user a name. initdb fails where its user has none, as with a container's `--user
 * 12345`. The library nss_wrapper shows it a passwd file with a name; no other process sees that.
 * @param file the passwd file, which is written where it is needed
 */
export async function userNameVariables(uid: number | undefined, file: string): Promise<NodeJS.ProcessEnv> {
  if (platform() !== 'linux' || uid === undefined || (await hasName(uid))) return {}
  await writeFile(file, `kvs:x:${uid}:0::/:/bin/false\n`, { mode: 0o644 })
  return { LD_PRELOAD: library, NSS_WRAPPER_PASSWD: file, NSS_WRAPPER_GROUP: '/etc/group' }
}

/** What to append to the error of an initdb whose user has no name all the same; empty for any other error. */
export function adviceOnUserName(output: string): string {
  if (!output.includes('could not look up effective user ID')) return ''
  return '; give this user a name in /etc/passwd, or install libnss-wrapper'
}

async function hasName(uid: number): Promise<boolean> {
  return promisify(execFile)('id', ['-un', String(uid)]).then(
    () => true,
    () => false,
  )
}
