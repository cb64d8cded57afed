import { execFile } from 'node:child_process'
import { chown, lchown, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import { type Clock, systemClock } from '../../lib/clock.ts'
import type { Binaries } from './binaries.ts'
import { readTemplate, syncDirectory, unpackTemplate } from './cluster-template.ts'
import type { Launcher, ServerUser } from './launcher.ts'
import { adviceOnUserName, userNameVariables } from './nss-wrapper.ts'
import { reasonIn } from './program-output.ts'

/**
 * Makes sure that there is a whole cluster of the binaries' version, owned by the server's user, or rejects.
 * Idempotent: a new cluster is made in another directory and renamed, so a kill in the middle leaves none, and the next
 * call starts over.
 * @param templateFile a new cluster is unpacked from it; where there is no such file, initdb makes the cluster
 */
export async function prepareCluster(
  directory: string,
  binaries: Binaries,
  launch: Launcher,
  user: ServerUser | undefined,
  templateFile: string,
  clock: Clock = systemClock,
): Promise<void> {
  await removeUnfinished(directory)
  const version = await clusterVersion(directory)
  if (version === undefined) return makeCluster(directory, binaries, launch, user, templateFile, clock)
  requireVersion(version, directory, binaries)
  if (user !== undefined && (await stat(directory)).uid !== user.uid) await chownTree(directory, user)
}

/** Throws where the cluster is of another major version than the binaries. */
export function requireVersion(version: string, directory: string, { major }: Binaries): void {
  if (version === major) return
  throw new Error(
    `the cluster in ${directory} was made by Postgres ${version}, the embedded one is ${major}: run it with ` +
      `Postgres ${version} (set POSTGRES_HOST), or dump it there and restore it into a new KVS_DATA_DIR`,
  )
}

/** The cluster's major version; undefined where there is no cluster yet. */
export async function clusterVersion(directory: string): Promise<string | undefined> {
  const names = await readdir(directory).catch((error): string[] => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  if (names.length === 0) return undefined
  if (names.includes('PG_VERSION')) return (await readFile(join(directory, 'PG_VERSION'), 'utf8')).trim()
  throw new Error(`${directory} holds files but no cluster (no PG_VERSION): move it away or set another KVS_DATA_DIR`)
}

async function makeCluster(
  directory: string,
  binaries: Binaries,
  launch: Launcher,
  user: ServerUser | undefined,
  templateFile: string,
  clock: Clock,
): Promise<void> {
  // The name is new each time: the initdb of a killed node may still be writing to the last one.
  const unfinished = await mkdtemp(`${directory}.new-`)
  if (user !== undefined) await chown(unfinished, user.uid, user.gid)
  try {
    const template = await readTemplate(templateFile)
    if (template === undefined) await initialise(unfinished, directory, binaries, launch, user)
    else if (template.major === binaries.major) await unpackTemplate(template, unfinished, user, clock)
    else
      throw new Error(
        `${templateFile} is of Postgres ${template.major}, not ${binaries.major}: remove it, and initdb is used ` +
          'instead',
      )
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true, maxRetries: 3 }).catch(() => undefined)
    throw error
  }
  await rename(unfinished, directory)
  await syncDirectory(dirname(directory))
}

async function initialise(
  unfinished: string,
  directory: string,
  { initdb }: Binaries,
  launch: Launcher,
  user: ServerUser | undefined,
): Promise<void> {
  const { file, args, options } = launch(initdb, [
    ...['-D', unfinished, '--username=kvs', '--encoding=UTF8', '--locale=C', '--no-instructions'],
    // `trust` lets in whoever reaches the socket; makePrivateDirectory guards that. initdb fsyncs what it writes.
    '--auth=trust',
  ])
  const nameFile = `${unfinished}-passwd` // removeUnfinished finds it by this name after a kill
  try {
    const named = await userNameVariables(user?.uid ?? process.getuid?.(), nameFile)
    await promisify(execFile)(file, args, { ...options, env: { ...options.env, ...named } })
  } catch (cause) {
    const output = cause instanceof Error && 'stderr' in cause ? String(cause.stderr).trim() : String(cause)
    const said = output || String(cause)
    throw new Error(
      `initdb failed in ${directory}: ${reasonIn(said)}${adviceOnUserName(output)}\nAll that it says:\n${said}`,
      {
        cause,
      },
    )
  } finally {
    await rm(nameFile, { force: true })
  }
}

async function removeUnfinished(directory: string): Promise<void> {
  for (const name of await readdir(dirname(directory))) {
    if (!name.startsWith(`${basename(directory)}.new-`)) continue
    // An initdb that still runs may put files back; the next start removes them.
    await rm(join(dirname(directory), name), { recursive: true, force: true, maxRetries: 3 }).catch(() => {})
  }
}

/** Changes the directory itself last, so that the next start begins again what a kill cut short. */
async function chownTree(path: string, user: ServerUser): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true })) {
    const child = join(path, entry.name)
    if (entry.isDirectory()) await chownTree(child, user)
    else await lchown(child, user.uid, user.gid)
  }
  await chown(path, user.uid, user.gid)
}
