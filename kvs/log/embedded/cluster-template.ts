import { createHash } from 'node:crypto'
import { closeSync, fchownSync, fsync, openSync, writeSync } from 'node:fs'
import { chown, mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { type Clock, systemClock } from '../../lib/clock.ts'
import { beginLog, checkFormat, makeIdentity, withoutIdentity } from './control-file.ts'
import type { ServerUser } from './launcher.ts'

/**
 * A template is a cluster as initdb leaves it, in one compressed file, which is unpacked in a fraction of initdb's
 * time. It has neither an identity nor a write-ahead log; both are made when it is unpacked. Each content is in it
 * once. Templates made by the same binaries are the same, byte for byte.
 */
interface Index {
  /** The major version, as in PG_VERSION. */
  readonly major: string
  /** Paths below the cluster's directory, parents first. */
  readonly directories: readonly string[]
  /** Each file, with the place of its content after the index. */
  readonly files: readonly (readonly [path: string, start: number, length: number])[]
}

export interface Template extends Index {
  readonly content: Buffer
}

const controlFile = 'global/pg_control'
/** How many files are synced at a time: as many as libuv has threads. They then share the disk's flushes. */
const parallelSyncs = 4

const zeros = Buffer.alloc(1024 * 1024)

/** Files that a server makes anew where they are missing, and that would differ from one initdb to the next. */
const isLeftOut = (path: string) => /^pg_wal\/[0-9A-F]{24}$|^pg_stat\/|pg_internal\.init$|^postmaster\./.test(path)

/** Packs a cluster that initdb made, and whose server, if it had one, was shut down. */
export async function packTemplate(directory: string): Promise<Buffer> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  const pathOf = ({ parentPath, name }: { parentPath: string; name: string }) =>
    join(parentPath, name).slice(directory.length + 1)
  const directories = entries.filter((entry) => entry.isDirectory()).map(pathOf)
  const paths = entries.filter((entry) => entry.isFile()).map(pathOf)
  const log = paths.find((path) => /^pg_wal\/[0-9A-F]{24}$/.test(path))
  if (log === undefined) throw new Error(`${directory} has no write-ahead log`)
  checkFormat(await readFile(join(directory, controlFile)), await readFile(join(directory, log)))

  const files: [path: string, start: number, length: number][] = []
  const starts = new Map<string, number>()
  const contents: Buffer[] = []
  let end = 0
  for (const path of paths.filter((path) => !isLeftOut(path)).toSorted()) {
    const read = await readFile(join(directory, path))
    const content = path === controlFile ? withoutIdentity(read) : read
    const digest = createHash('sha256').update(content).digest('hex')
    const start = starts.get(digest) ?? end
    if (start === end) {
      starts.set(digest, start)
      contents.push(content)
      end += content.length
    }
    files.push([path, start, content.length])
  }
  const major = (await readFile(join(directory, 'PG_VERSION'), 'utf8')).trim()
  const index: Index = { major, directories: directories.toSorted(), files }
  return zstdCompressSync(Buffer.concat([Buffer.from(`${JSON.stringify(index)}\n`), ...contents]))
}

/** Undefined where there is no such file. Rejects where it is damaged. */
export async function readTemplate(path: string): Promise<Template | undefined> {
  const packed = await readFile(path).catch((error) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (packed === undefined) return undefined
  try {
    // Unpacked in one piece: to join many would cost the start a fifth of a second of garbage collection.
    const all = zstdDecompressSync(packed, { chunkSize: 16 * 1024 * 1024 })
    const end = all.indexOf('\n')
    const index: Index = JSON.parse(all.toString('utf8', 0, end))
    return { ...index, content: all.subarray(end + 1) }
  } catch (cause) {
    throw new Error(`${path} is no whole cluster template: remove it, and initdb is used instead`, { cause })
  }
}

/**
 * Makes a cluster with an identity of its own in an empty directory, owned by the server's user. On return all of it is
 * durable, except for the directory's own entry in its parent.
 */
export async function unpackTemplate(
  { directories, files, content }: Template,
  into: string,
  user: ServerUser | undefined,
  clock: Clock = systemClock,
): Promise<void> {
  const own = async (path: string) => user !== undefined && (await chown(path, user.uid, user.gid))
  for (const path of directories) {
    await mkdir(join(into, path), { mode: 0o700 })
    await own(join(into, path))
  }
  const rest = files.values()
  const workers = Array.from({ length: parallelSyncs }, async () => {
    for (const [path, start, length] of rest) {
      const part = content.subarray(start, start + length)
      if (path !== controlFile) await writeDurably(join(into, path), part, user)
      else await writeIdentity(into, part, user, clock)
    }
  })
  // All are awaited, so that none goes on to write into a directory that the caller removes.
  const failed = (await Promise.allSettled(workers)).find(({ status }) => status === 'rejected')
  if (failed?.status === 'rejected') throw failed.reason
  for (const path of [...directories, '.']) await syncDirectory(join(into, path))
}

async function writeIdentity(into: string, bare: Buffer, user: ServerUser | undefined, clock: Clock): Promise<void> {
  const { control, walFile, wal, walFileLength } = beginLog(bare, makeIdentity(clock))
  await writeDurably(join(into, controlFile), control, user)
  await writeDurably(join(into, 'pg_wal', walFile), wal, user, walFileLength)
}

/**
 * Writes synchronously, which only fills the page cache, and syncs in another thread.
 * @param length the file's; zeros follow the content
 */
async function writeDurably(path: string, content: Buffer, user: ServerUser | undefined, length = content.length) {
  const file = openSync(path, 'wx', 0o600)
  try {
    let written = 0
    while (written < content.length) written += writeSync(file, content, written)
    while (written < length) written += writeSync(file, zeros, 0, Math.min(zeros.length, length - written))
    if (user !== undefined) fchownSync(file, user.uid, user.gid)
    await promisify(fsync)(file)
  } finally {
    closeSync(file)
  }
}

export async function syncDirectory(path: string): Promise<void> {
  const directory = openSync(path, 'r')
  await promisify(fsync)(directory).finally(() => closeSync(directory))
}
