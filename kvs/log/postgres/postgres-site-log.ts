import type { Membership } from '../../core/operation/membership.ts'
import { type LastOfOrigin, type LogImport, type LogReader, makeTakenOver, type SiteLog } from '../index.ts'
import { makeEntryReader } from './entry-reader.ts'
import { forgetDeletes, readDeletes, readForgotten } from './forgotten-deletes.ts'
import { takeLead } from './lead.ts'
import { askHead } from './log-end.ts'
import { lastSequence, makePageReader, type ReadPage } from './page-reader.ts'
import { explainLoss, withExplanation } from './session-failures.ts'
import {
  makeSideConnections,
  once,
  type SideConnection,
  type SideConnections,
  type SideOptions,
} from './side-connection.ts'
import { highestStamp, makeOwnEnd, readMembers, readOrigins, stampOfOwn } from './site-statements.ts'

export type PostgresSiteLogOptions = SideOptions

/** What the functions below share; it outlives connections. */
interface State {
  readonly timeoutMs: number
  readonly connections: SideConnections
  readonly readPage: ReadPage
}

/** The site's log in Postgres, whose schema the node's own session has made, or brought to this program's version. */
export function makePostgresSiteLog(options: PostgresSiteLogOptions): SiteLog {
  const connections = makeSideConnections(options)
  const state: State = { timeoutMs: options.timeoutMs, connections, readPage: makePageReader() }
  const { open } = connections
  return {
    openReader: () => open('reader', async (side) => makeReader(state, side)),
    openImport: () => open('import', (side) => makeImport(state, side)),
    readMembers: () => open('members', (side) => once(side, readMembers(side.connection))),
    appendMember: (change) => open('members', (side) => once(side, appendMember(state, side, change))),
    readForgotten: () => open('members', (side) => once(side, readForgotten(side.connection))),
  }
}

async function appendMember({ connections }: State, side: SideConnection, change: Membership) {
  const { writer, statements } = await connections.registerWriter(side, 'members')
  return writer.append(statements, [change])
}

function makeReader({ timeoutMs, readPage }: State, side: SideConnection): LogReader {
  const { connection, where, logId } = side
  const ownEnd = makeOwnEnd(connection)
  const explained = <T>(answer: Promise<T>) => withExplanation(answer, where)

  async function positionThrough(sequence: bigint) {
    const others = await readOrigins(connection, sequence)
    const own: LastOfOrigin = { logId, sequence: await ownEnd(sequence), stamp: 0 }
    const stamp = await highestStamp(connection, sequence)
    return { ...makeTakenOver([own, ...others]).position, stamp }
  }

  return {
    ...makeEntryReader(side, readPage, timeoutMs),
    positionThrough: (sequence) => explained(positionThrough(sequence)),
    stampAt: (sequence) => explained(stampOfOwn(connection, sequence)),
  }
}

/** Takes the lead before anything else, so that what it reads then is final. */
async function makeImport({ timeoutMs, connections }: State, side: SideConnection): Promise<LogImport | undefined> {
  const { connection, where, processId, logId } = side
  if (!(await takeLead(connection, logId, 'import'))) {
    await connection.close()
    return undefined
  }
  const { writer, statements } = await connections.registerWriter(side, 'import')
  const takenOver = makeTakenOver(await readOrigins(connection, lastSequence))
  let forgotten = await readForgotten(connection)
  return {
    logId,
    get position() {
      return takenOver.position
    },
    lastStampOf: takenOver.lastStampOf,
    lost: explainLoss(connection, where),
    async append(entries, seen) {
      const end = await withExplanation(writer.appendForeign(statements, entries, seen), where)
      takenOver.note(entries)
      return end
    },
    get forgotten() {
      return forgotten
    },
    async forget(through) {
      forgotten = await withExplanation(forgetDeletes(connection, through), where)
    },
    readDeletes: (...range) => withExplanation(readDeletes(connection, ...range), where),
    askHead: () =>
      withExplanation(
        askHead(connection, timeoutMs / 2, processId, () => undefined),
        where,
      ),
    close: () => connection.close(),
  }
}
