import type { ForeignEntry } from '../../../kvs/core/entry.ts'
import { nowhere } from '../../../kvs/core/position.ts'
import { maxStamp } from '../../../kvs/core/rank.ts'
import type { Kv } from '../../../kvs/kv/index.ts'
import type { Log, SiteLog } from '../../../kvs/log/index.ts'
import type { MemoryServer, StoredEntry } from '../../../kvs/log/memory/index.ts'
import type { Tables } from '../../../kvs/log/memory/tables.ts'
import type { OwnSite, PeerClient } from '../../../kvs/sites/index.ts'
import type { Plants } from '../../../tools/simulator/plants.ts'
import type { PlantedFault } from './planted-faults.ts'
import { delegate, withImport, withStatements } from './planting.ts'

/** What a node of a site does wrong. */
export const plantedFaultsOfSites: readonly PlantedFault[] = [
  {
    name: 'takes entries over out of their order',
    plants: { siteLog: reordersOrigins },
    // An entry that comes before its time may also be taken for one that lost to what comes after it.
    sentence: /lands at site \d before .*, which was in its own log before it|nothing newer was there before it/,
  },
  {
    name: 'stamps entries with the wall clock alone',
    plants: { logServer: stampsByWallClock },
    sentence: /has no later stamp than/,
  },
  {
    name: 'forgets deletes at a checkpoint',
    plants: { log: forgetsTombstones },
    sentence: /undoes the delete of/,
  },
  {
    name: 'forgets every delete at once, and reads none again',
    plants: { siteLog: forgetsAtOnce },
    sentence: /undoes the delete of/,
  },
  {
    name: 'drops the explicit dependency of a write',
    plants: { kv: dropsDependencies },
    sentence: /which its session had seen|no later stamp than what its session had seen/,
  },
  {
    name: 'notes what it has taken over apart from the entries',
    plants: { logServer: notesVectorsApart },
    sentence: /is in the log of site \d twice/,
  },
  {
    name: 'answers a read before it has what the token names',
    plants: { kv: readsAtOnce },
    sentence: /shows .*, older than .*, which its session had seen|does not show/,
  },
  {
    name: 'takes a member out before it has what that has',
    plants: { peer: skipsDrain },
    sentence: /was acknowledged before its site was taken out, and no member has it/,
  },
  {
    name: 'goes on with a log that went back',
    plants: { peer: followsWhatWentBack },
    sentence: /has not noticed that the log .* went back|follows the log .*, which went back/,
  },
  {
    name: 'applies what it has taken over, whatever comes before that',
    plants: { siteLog: appliesAtOnce },
    sentence: /has not applied all of its log when all is well|is log diverged/,
  },
  {
    name: 'sends what is held of what was applied for all of it',
    plants: { site: sendsWhatIsHeld },
    sentence: /is not in the log of site \d/,
  },
  {
    name: 'counts a copy that another log is still to get',
    plants: countsWhatIsToCome(),
    sentence: /was said to be in 2 logs, and 1 had it/,
  },
  {
    name: 'does not hear that it is a member again',
    plants: { peer: (client) => ({ ...client, rejoin: async () => undefined }) },
    sentence: /have not agreed on their members: .* does not know that it is a member/,
  },
]

/** Entries of one origin stay in their order: only what one has to do with another is lost. */
function reordersOrigins(siteLog: SiteLog): SiteLog {
  const byOrigin = (one: ForeignEntry, other: ForeignEntry) => (one.origin.logId < other.origin.logId ? -1 : 1)
  return withImport(siteLog, (target) => ({
    append(entries, seen) {
      const byLog = Map.groupBy(entries, ({ origin }) => origin.logId)
      const last = [...byLog.values()].map(([first]) => first as ForeignEntry).toSorted(byOrigin)
      return target.append(
        last.flatMap(({ origin }) => byLog.get(origin.logId) ?? []),
        seen,
      )
    },
  }))
}

/** What a local write has seen of the logs does not raise the stamp. */
function stampsByWallClock(server: MemoryServer): MemoryServer {
  return withStatements(
    server,
    (session) => (statement) =>
      session.run((tables, seconds, takeLead) => {
        const before = tables.entries.length
        const result = statement(tables, seconds, takeLead)
        for (let index = before; index < tables.entries.length; index++) {
          const entry = tables.entries[index]
          if (entry && entry.origin === undefined)
            tables.entries[index] = { ...entry, stamp: Math.round(seconds * 1e6) }
        }
        return result
      }),
  )
}

/** What has been taken over is noted with the import's next statement, and never where that does not come. */
function notesVectorsApart(server: MemoryServer): MemoryServer {
  let noted = 0
  return withStatements(server, (session) => {
    let isImport = false
    let appended: number | undefined
    return (statement) =>
      session.run((tables, seconds, takeLead) => {
        const lead: typeof takeLead = (of) => {
          isImport = true
          return takeLead(of)
        }
        if (!isImport) return statement(tables, seconds, lead)
        noted = appended ?? noted
        const masked: Tables = {
          ...tables,
          entries: tables.entries.map((entry, at) => (at < noted ? entry : hidden(entry))),
        }
        const before = masked.entries.length
        const result = statement(masked, seconds, lead)
        tables.entries.push(...masked.entries.slice(before))
        if (masked.entries.length > before) appended = tables.entries.length
        return result
      })
  })
}

function hidden(entry: StoredEntry): StoredEntry {
  return entry.origin === undefined ? entry : { ...entry, origin: { ...entry.origin, logId: 'hidden' } }
}

function forgetsTombstones(log: Log): Log {
  return {
    ...log,
    async open() {
      const session = await log.open()
      return delegate(session, {
        loadCheckpoint: (load, needsTombstones) =>
          session.loadCheckpoint((entry) => {
            if (entry.kind !== 'delete') load(entry)
          }, needsTombstones),
      })
    },
  }
}

/** Whatever the other sites have. */
function forgetsAtOnce(siteLog: SiteLog): SiteLog {
  return withImport(siteLog, () => ({
    forgotten: maxStamp,
    readDeletes: async (_after, through) => ({ reached: through, deletes: [] }),
  }))
}

function dropsDependencies(kv: Kv): Kv {
  return delegate(kv, { write: (write) => kv.write({ ...write, after: undefined }) })
}

function readsAtOnce(kv: Kv): Kv {
  return delegate(kv, { waitFor: async () => undefined })
}

/** The member that is about to be taken out is said to have nothing. */
function skipsDrain(client: PeerClient): PeerClient {
  return {
    ...client,
    askPosition: (seen, signal) => (seen === undefined ? Promise.resolve(nowhere) : client.askPosition(seen, signal)),
  }
}

/** Every batch is said to come next, whatever the view has by then. */
function appliesAtOnce(siteLog: SiteLog): SiteLog {
  return withImport(siteLog, (target) => ({
    append: async (entries, seen) => ({ ...(await target.append(entries, seen)), comesAfter: () => true }),
  }))
}

function sendsWhatIsHeld(site: OwnSite): OwnSite {
  return {
    ...site,
    readApplied() {
      const reader = site.readApplied()
      return { ...reader, take: (after, through) => reader.take(after, through) ?? reader.take(through - 1n, through) }
    },
  }
}

/** Whatever a site is asked for, it is said to have, and the stamp that proves it is looked up elsewhere. */
function countsWhatIsToCome(): Plants {
  /** Each run makes its own, whose ids are those of the run before with the same seed. */
  const servers = new Map<string, MemoryServer>()
  return {
    logServer(server) {
      servers.set(server.logId, server)
      return server
    },
    peer: (client) => ({
      ...client,
      async askCopy(asked, signal) {
        const copy = await client.askCopy(asked, signal)
        const entry = servers.get(asked.log)?.entries[Number(asked.sequence) - 1]
        return { ...copy, sequence: asked.sequence, stamp: entry?.stamp }
      },
    }),
  }
}

/** Where the other site refuses, it is asked for what it has, as if this site had nothing of its log. */
function followsWhatWentBack(client: PeerClient): PeerClient {
  return {
    ...client,
    open: (query, signal) =>
      client.open(query, signal).catch((error: Error) => {
        const [, logId] = /the log (\w+) is not the one/.exec(error.message) ?? []
        if (logId === undefined) throw error
        const sequences = new Map([...query.have.sequences].filter(([log]) => log !== logId))
        return client.open({ ...query, have: { ...query.have, sequences } }, signal)
      }),
  }
}
