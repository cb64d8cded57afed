import { execFile } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { promisify } from 'node:util'

/** Kinds of things that a test run may leave behind in Docker, and the command that lists them with their names. */
const inDocker = {
  container: ['ps', '--all', '--format', '{{.ID}} {{.Names}} of {{.Image}}'],
  network: ['network', 'ls', '--format', '{{.ID}} {{.Name}}'],
  volume: ['volume', 'ls', '--format', '{{.Name}}'],
} as const

/** Lists what is in Docker now, a line each; nothing where there is no Docker. */
export async function listDocker(): Promise<Set<string>> {
  const lists = Object.entries(inDocker).map(async ([kind, args]) => {
    const { stdout } = await promisify(execFile)('docker', args).catch(() => ({ stdout: '' }))
    return stdout.split('\n').flatMap((line) => (line === '' ? [] : [`${kind} ${line}`]))
  })
  return new Set((await Promise.all(lists)).flat())
}

/** Lists what is in a directory of temporary files, and the processes that work there or name it. */
export function listFilesAndProcesses(directory: string): string[] {
  const files = readdirSync(directory).filter((name) => !expected.has(name))
  const within = (name: string) => readdirIfAny(`${directory}/${name}`).slice(0, 5).join(', ')
  return [...files.map((name) => `file ${directory}/${name} ${within(name)}`), ...listProcesses(directory)]
}

/** The processes that work in a directory, or name it; on Linux alone. */
export function listProcesses(directory: string): string[] {
  const pids = readdirIfAny('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
  return pids.flatMap((pid) => {
    const command = readIfAny(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '))
    const place = readIfAny(() => readlinkSync(`/proc/${pid}/cwd`))
    return command.includes(directory) || place.startsWith(directory) ? [`process ${pid} ${command}`] : []
  })
}

/** Node's cache, which npm fills where it is run, and a lock file that Testcontainers keeps. */
const expected = new Set(['node-compile-cache', 'testcontainers-node-0.lock'])

function readdirIfAny(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

/** Processes end while they are looked at. */
function readIfAny(read: () => string): string {
  try {
    return read()
  } catch {
    return ''
  }
}
