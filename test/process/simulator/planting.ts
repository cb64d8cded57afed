import type { LogImport, SiteLog } from '../../../kvs/log/index.ts'
import type { MemoryServer } from '../../../kvs/log/memory/index.ts'
import type { ServerSession } from '../../../kvs/log/memory/memory-server.ts'

/** The whole, with some of its parts broken. */
export function delegate<T extends object>(whole: T, broken: Partial<T>): T {
  return new Proxy(whole, { get: (_, name) => Reflect.get(Object.hasOwn(broken, name) ? broken : whole, name) })
}

export function withImport(siteLog: SiteLog, broken: (target: LogImport) => Partial<LogImport>): SiteLog {
  return {
    ...siteLog,
    async openImport() {
      const target = await siteLog.openImport()
      return target && delegate(target, broken(target))
    },
  }
}

type Run = ServerSession['run']

/** Puts something between the server and what its sessions ask it. */
export function withStatements(server: MemoryServer, makeRun: (session: ServerSession) => Run): MemoryServer {
  return delegate(server, {
    connect(client) {
      const session = server.connect(client)
      const run = makeRun(session)
      return { run, end: () => session.end() }
    },
  })
}
