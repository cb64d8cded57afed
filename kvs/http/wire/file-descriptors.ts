import { closeSync, openSync, readFileSync } from 'node:fs'
import type { Server } from 'node:http'
import { devNull } from 'node:os'
import type { Logger } from 'pino'
import type { Clock } from '../../lib/clock.ts'

export interface DescriptorOptions {
  readonly maxConnections: number
  /** A forwarding node may need a connection to its target for each of its clients. */
  readonly forwardingAddress: string | undefined
}

/** Descriptors that a process has besides its clients', with those of clients that are told that there are too many. */
const besides = 100
const checkEveryMs = 1_000
/** A shortage counts as over after so long without one, so that there is one line a minute at most. */
const calmMs = 60_000

/** Returns one sentence where the process may not open all the files that its settings can ask for; else none. */
export function describeShortage({ maxConnections, forwardingAddress }: DescriptorOptions): string[] {
  const limit = descriptorLimit()
  const each = forwardingAddress === undefined ? 1 : 2
  const needed = each * maxConnections + besides
  if (limit === undefined || limit >= needed) return []
  const fitting = Math.floor((limit - besides) / each)
  const other = fitting < 1 ? '' : `, or set KVS_MAX_CONNECTIONS to ${fitting} at most`
  return [
    `file descriptors: this process may have ${limit}, ` +
      `and KVS_MAX_CONNECTIONS (${maxConnections}) can need ${needed}: ` +
      `raise the limit (ulimit -n, --ulimit nofile)${other}`,
  ]
}

/**
 * Logs when the process runs out of file descriptors. libuv then accepts each new connection and closes it without an
 * event, so that nothing else would tell of it. So this tries every second whether one is left, and where the limit is
 * low at each connection too.
 */
export function monitorDescriptors(
  server: Server,
  options: DescriptorOptions,
  logger: Pick<Logger, 'info' | 'warn'>,
  clock: Clock,
): void {
  const shortage = describeShortage(options)
  for (const warning of shortage) logger.warn(warning)
  let lastOutAt: number | undefined

  function check(): void {
    const code = obstacle()
    const now = clock.now()
    if (code !== undefined) {
      if (lastOutAt === undefined) logger.warn(describeOut(code))
      lastOutAt = now
    } else if (lastOutAt !== undefined && now - lastOutAt > calmMs) {
      lastOutAt = undefined
      logger.info(`there have been file descriptors again for ${calmMs / 1_000} s`)
    }
  }

  if (shortage.length > 0) server.on('connection', check)
  const timer = clock.every(checkEveryMs, check).unref()
  server.once('close', () => timer.cancel())
}

function describeOut(code: string): string {
  const limit = descriptorLimit() ?? 'not known'
  const what =
    code === 'ENFILE'
      ? 'the machine is out of file descriptors (ENFILE): raise fs.file-max'
      : `out of file descriptors (EMFILE, the limit is ${limit}): raise it (ulimit -n, --ulimit nofile)`
  return `${what}; until then new connections are closed without an answer`
}

/** Undefined where a descriptor is left. */
function obstacle(): string | undefined {
  try {
    closeSync(openSync(devNull, 'r'))
    return undefined
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    return code === 'EMFILE' || code === 'ENFILE' ? code : undefined
  }
}

let known: number | undefined

/**
 * The soft limit, which Node raises to the hard one as it starts; undefined where there is none, or nobody can tell. It
 * is kept, because there is no descriptor left to read it with when it matters most.
 */
function descriptorLimit(): number | undefined {
  known ??= process.platform === 'linux' ? softOnLinux() : softInReport()
  return Number.isSafeInteger(known) ? known : undefined
}

function softOnLinux(): number {
  try {
    return Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1])
  } catch {
    return Number.NaN // a sandbox without it
  }
}

function softInReport(): number {
  Object.assign(process.report, { excludeNetwork: true }) // or it looks up names; the types lack it
  const report = process.report.getReport() as { userLimits?: { open_files?: { soft?: number | string } } }
  return Number(report.userLimits?.open_files?.soft)
}
