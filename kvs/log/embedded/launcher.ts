import { execFile } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { platform } from 'node:os'
import process from 'node:process'
import { promisify } from 'node:util'
import type { Binaries } from './binaries.ts'
import { childEnvironment } from './child-environment.ts'

export interface ServerUser {
  name: string
  uid: number
  gid: number
}

export interface Command {
  file: string
  args: string[]
  options: { uid?: number; gid?: number; cwd: string; env: NodeJS.ProcessEnv }
}

/** Makes the command to spawn so that a program runs as the server's user, under the pid that spawn returns. */
export type Launcher = (file: string, args: string[]) => Command

/**
 * The user that the server runs as; undefined for our own. Root has to choose another, since Postgres refuses to run as
 * root.
 */
export async function serverUser(directory: string): Promise<ServerUser | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const owner = await stat(directory).catch(() => undefined)
  if (owner !== undefined && owner.uid !== 0) return { name: `${owner.uid}`, uid: owner.uid, gid: owner.gid }
  for (const name of ['postgres', '_postgres', 'nobody']) {
    const [uid, gid] = await Promise.all([id('-u', name), id('-g', name)])
    if (uid !== undefined && gid !== undefined) return { name, uid, gid }
  }
  throw new Error(
    "Postgres refuses to run as root, and there is no user 'postgres' or 'nobody': start as a normal user",
  )
}

async function id(flag: string, name: string): Promise<number | undefined> {
  try {
    return Number((await promisify(execFile)('id', [flag, name])).stdout)
  } catch {
    return undefined
  }
}

/**
 * Finds a way to run the binaries that works and reaches the directories, by trying. A directory above the data that
 * only root may enter (/root, a `mktemp -d`) takes one capability, the smallest that root has here (containers drop
 * dac_read_search by default). The server then ignores file modes, and only root can reach that server. Where such a
 * directory is above node_modules, the programs have to be copied too: they check themselves with access(2), which
 * ignores capabilities.
 */
export async function findLauncher(
  user: ServerUser | undefined,
  inPlace: Binaries,
  directories: string[],
  copy: () => Promise<Binaries>,
): Promise<{ launch: Launcher; binaries: Binaries }> {
  if (user === undefined) return { launch: (file, args) => ({ file, args, options: base }), binaries: inPlace }
  const capabilities = platform() === 'linux' ? ['dac_read_search', 'dac_override'] : []
  const capable = capabilities.map((capability) => withCapability(user, capability))
  const failures = new Set<string>()
  for (const [launchers, find] of [
    [[asUser(user), ...capable], async () => inPlace],
    [capable, copy],
  ] as const) {
    try {
      const binaries = await find()
      for (const launch of launchers) {
        const failure = await probe(launch, binaries, directories)
        if (failure === undefined) return { launch, binaries }
        failures.add(failure)
      }
    } catch (error) {
      failures.add(String(error))
    }
  }
  throw new Error(
    `Postgres does not run as root, and user ${user.name} can't reach ${directories.join(', ')} or ` +
      `${inPlace.postgres}: set KVS_DATA_DIR to a directory that user can reach (not below /root), install setpriv ` +
      `(util-linux), or start as a normal user. Tried: ${[...failures].join('; ')}`,
  )
}

const base = { cwd: '/', env: childEnvironment }

const asUser =
  ({ uid, gid }: ServerUser): Launcher =>
  (file, args) => ({ file, args, options: { ...base, uid, gid } })

const withCapability =
  ({ uid, gid }: ServerUser, capability: string): Launcher =>
  (file, args) => ({
    file: 'setpriv',
    args: [
      ...[`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'],
      ...[`--inh-caps=-all,+${capability}`, `--ambient-caps=-all,+${capability}`, '--', file, ...args],
    ],
    options: base,
  })

/**
 * Runs `initdb --show`, which looks for its own program, libraries and share files, and writes nothing. File modes
 * would not show everything: ACLs, noexec, a capability that the container lacks. Returns what failed; undefined where
 * nothing did.
 */
async function probe(launch: Launcher, { initdb }: Binaries, directories: string[]): Promise<string | undefined> {
  const script = 'initdb=$1; shift; for d; do cd "$d" || exit; done; exec "$initdb" --show -D "$d"'
  const { file, args, options } = launch('/bin/sh', ['-c', script, 'sh', initdb, ...directories])
  try {
    await promisify(execFile)(file, args, options)
    return undefined
  } catch (error) {
    const output = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : ''
    return output || String(error)
  }
}
