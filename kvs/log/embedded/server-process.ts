import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, constants, fchownSync, fstatSync, ftruncateSync, openSync } from 'node:fs'
import { open } from 'node:fs/promises'
import type { Command, Launcher, ServerUser } from './launcher.ts'

const largestLog = 10 * 1024 * 1024

export interface Server {
  readonly pid: number | undefined
  /** How it ended ('exit code 1', 'SIGKILL'); undefined while it runs. */
  readonly ended: string | undefined
  /**
   * Fast shutdown: clients are disconnected, and what was committed is kept. Resolves when it has ended. Idempotent.
   */
  stop(): Promise<void>
  /** The last lines that this server wrote to its log; empty where the file was moved away or can't be read. */
  lastLines(): Promise<string>
}

export interface ServerOptions {
  directory: string
  socketDirectory: string
  /** A file, not a pipe, whose reader would be gone after a kill of the node. */
  logFile: string
  binary: string
  launch: Launcher
  user: ServerUser | undefined
  onEnd(how: string): void
}

export function spawnServer(options: ServerOptions): Server {
  const { directory, socketDirectory, logFile, binary, launch, user, onEnd } = options
  const command = launch(binary, ['-D', directory, ...settings(socketDirectory)])
  const output = openLog(logFile, user)
  const start = fstatSync(output).size
  const child = spawnInto(output, command)

  let ended: string | undefined
  const end = new Promise<void>((resolve) => {
    const settle = (how: string) => {
      ended = how
      resolve()
      onEnd(how)
    }
    child.once('exit', (code, signal) => settle(signal ?? `exit code ${code}`))
    child.on('error', (error) => child.pid === undefined && settle(error.message))
  })

  return {
    get pid() {
      return child.pid
    },
    get ended() {
      return ended
    },
    async stop() {
      // `child.kill` does nothing once the child was reaped, so it never reaches a reused pid.
      if (ended === undefined) child.kill('SIGINT')
      await end
    },
    // These lines are only for messages: a start must not fail for them.
    lastLines: () => tail(logFile, start).catch(() => ''),
  }
}

/** Closes the output file; the child has its own descriptor. */
function spawnInto(output: number, { file, args, options }: Command): ChildProcess {
  try {
    // It has its own process group: Ctrl-C in a terminal must not end the server before the node has drained.
    return spawn(file, args, { ...options, detached: true, stdio: ['ignore', output, output] })
  } finally {
    closeSync(output)
  }
}

/** Opens the log to append to it. Empties it first where it is too large. */
function openLog(path: string, user: ServerUser | undefined): number {
  const { O_APPEND, O_CREAT, O_NOFOLLOW, O_WRONLY } = constants
  const log = openSync(path, O_APPEND | O_CREAT | O_NOFOLLOW | O_WRONLY, 0o600)
  if (fstatSync(log).size > largestLog) ftruncateSync(log)
  // After a start as root, a later one as the cluster's owner must be able to write to it.
  if (user !== undefined) fchownSync(log, user.uid, user.gid)
  return log
}

/** Settings on the command line, so that no edit of postgresql.conf opens a port or costs durability. */
function settings(socketDirectory: string): string[] {
  return Object.entries({
    listen_addresses: '',
    // The setting is a list, in which only quotes protect a comma.
    unix_socket_directories: `"${socketDirectory.replaceAll('"', '""')}"`,
    unix_socket_permissions: '0700',
    fsync: 'on',
    synchronous_commit: 'on',
    full_page_writes: 'on',
    max_connections: '50',
    shared_buffers: '128MB',
    // Containers have a small /dev/shm or none. Only parallel queries use much of it, and a log needs none.
    dynamic_shared_memory_type: 'mmap',
    max_parallel_workers_per_gather: '0',
    log_destination: 'stderr',
    logging_collector: 'off',
  }).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

async function tail(path: string, start: number): Promise<string> {
  const file = await open(path)
  try {
    const { size } = await file.stat()
    const from = Math.max(start, size - 4096)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4096), 0, 4096, from)
    return buffer.toString('utf8', 0, bytesRead).trim().split('\n').slice(-10).join('\n')
  } finally {
    await file.close()
  }
}
