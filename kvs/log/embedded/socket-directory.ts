import { createHash } from 'node:crypto'
import { chmod, chown, lstat, mkdir, readdir, rm } from 'node:fs/promises'
import { platform, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import process from 'node:process'
import type { ServerUser } from './launcher.ts'

/** A part of the socket's name. No TCP port is opened. */
export const port = 5432

/** The bytes of `sun_path` in unix(7) without the final zero. */
const longestSocketPath = platform() === 'darwin' ? 103 : 107

/** `run` beside the cluster; where the socket's path would be too long, the cluster's temporary directory. */
export function socketDirectory(directory: string): string {
  const candidates = [join(dirname(directory), 'run'), temporaryDirectory(directory)]
  const fits = (candidate: string) => Buffer.byteLength(join(candidate, `.s.PGSQL.${port}`)) <= longestSocketPath
  return candidates.find(fits) ?? temporaryDirectory(directory, '/tmp')
}

/**
 * The cluster's directory below `within`. Its name is the same at every start, so that what a killed node left is
 * found.
 */
export function temporaryDirectory(directory: string, within = tmpdir()): string {
  return join(within, `kvs-${createHash('sha256').update(directory).digest('hex').slice(0, 16)}`)
}

/**
 * Makes a directory with mode 0700 that the server's user owns. For the socket that is the whole authentication: the
 * server trusts whoever gets in. So a directory that somebody else made beforehand, as anyone can in /tmp, is refused.
 */
export async function makePrivateDirectory(path: string, user: ServerUser | undefined): Promise<void> {
  await mkdir(path, { mode: 0o700 }).catch((error) => {
    if (error.code !== 'EEXIST') throw error
  })
  const made = await lstat(path)
  if (!made.isDirectory() || ![process.getuid?.(), user?.uid].includes(made.uid)) {
    throw new Error(`${path} belongs to another user (uid ${made.uid}) or is no directory: remove it, then start again`)
  }
  await chmod(path, 0o700)
  if (user !== undefined) await chown(path, user.uid, user.gid)
}

/** Only for a server that is dead. The lock beside its socket names a pid that another process may have by now. */
export async function removeSockets(path: string): Promise<void> {
  for (const name of await readdir(path)) {
    if (name.startsWith('.s.PGSQL.')) await rm(join(path, name), { force: true })
  }
}
