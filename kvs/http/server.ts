import type { Logger } from 'pino'
import { KvsError } from '../core/errors.ts'
import { type Kv, maxFingerprintBytes, type RingService, type SiteService } from '../kv/index.ts'
import type { MemoryBudget } from '../memory/index.ts'
import {
  aboutNode,
  awaitingCopies,
  type Handle,
  makeClearHandler,
  makeCopiesHandler,
  makeDigestHandlers,
  makeDispatcher,
  makeFeedHandler,
  makeKeyHandlers,
  makeListHandlers,
  makeListShares,
  makeMembersHandlers,
  makePayloadHandlers,
  makePositionHandler,
  makeRejoinHandler,
  makeRingRoutes,
  makeRouteTable,
  makeTransactionHandler,
  maxFormBytes,
  maxTransactionBody,
  maxValueFormBytes,
  type ReadMetrics,
  type RouteTable,
  type Routing,
  readinessOf,
  receivingForms,
} from './api/index.ts'
import {
  checkingDigests,
  type Guard,
  makeBodyDropper,
  makeBodyReceiver,
  makeBytesHold,
  makeReplyHold,
  type Request,
} from './exchange/index.ts'
import { type HttpOptions, type HttpServer, makeHttpServer } from './wire/index.ts'

export interface ServerOptions extends HttpOptions, NodeRoutesOptions {}

/** What a node's routes need. */
export interface NodeRoutesOptions {
  readonly store: Kv
  /** What there is for other sites; undefined where the log is no site. */
  readonly site?: SiteService | undefined
  /** What there is of a ring; undefined where the node can be no member of one. */
  readonly ring?: RingService | undefined
  /** Where requests are answered in a ring; undefined where the node answers everything itself. */
  readonly routing?: Routing | undefined
  readonly readMetrics: ReadMetrics
  readonly maxValueBytes: number
  readonly budget: MemoryBudget
  /** Undefined where everybody may do everything. */
  readonly guard?: Guard | undefined
  /** Whether everybody may clear keys where there is no guard. */
  readonly allowsClear: boolean
  readonly logger: Logger
}

/** Makes the HTTP server of a node with all its routes. It does not listen yet. */
export function makeServer(options: ServerOptions): HttpServer {
  const { store, guard, logger, routing } = options
  const routes = nodeRoutes(options)
  const refusalOf = routing === undefined ? refusalToMembers : () => undefined
  return makeHttpServer(options, makeDispatcher({ routes, guard, logger, refusalOf, position: () => store.position() }))
}

/**
 * A node that can be in no ring takes nothing that a member passes on to it: what it stored would be where nobody looks
 * for it. It has another member's address, or has lost its settings.
 */
function refusalToMembers({ headers }: Pick<Request, 'headers'>): KvsError | undefined {
  const isFromMember = headers.some((name, at) => at % 2 === 0 && name.length === 8 && /^kvs-ring$/i.test(name))
  if (!isFromMember) return undefined
  return new KvsError('not_owner', 'KVS-Ring names a ring, and this node is in none (KVS_ADDRESS); nothing was done')
}

/** The route table of a node. */
export function nodeRoutes(options: NodeRoutesOptions): RouteTable {
  const { store, site, ring, routing, readMetrics, maxValueBytes, budget, guard, allowsClear, logger } = options
  const receiveBody = checkingDigests(makeBodyReceiver({ maxBytes: maxValueBytes, budget }))
  const receiveTransaction = checkingDigests(
    makeBodyReceiver({ maxBytes: maxTransactionBody, budget, what: 'transaction' }),
  )
  const formsOf = (maxBytes: number) =>
    receivingForms(checkingDigests(makeBodyReceiver({ maxBytes, budget, what: 'form' })))
  const receiveForm = formsOf(maxFormBytes)
  const receiveValueForm = formsOf(maxValueFormBytes(maxValueBytes))
  const dropBody = makeBodyDropper(maxValueBytes)
  const holdReply = makeReplyHold(budget)
  const openListing = makeListShares(store)
  const withCopies = (handlers: Readonly<Record<string, Handle>>) => awaitingCopies(handlers, site?.copies)
  const payloads = makePayloadHandlers({ store, receiveForm, receiveValueForm, holdReply, maxValueBytes, routing })
  return makeRouteTable({
    about: aboutNode,
    keysOf: (dialect) => withCopies(makeKeyHandlers(dialect, { store, receiveBody, dropBody, holdReply, routing })),
    collections: withCopies({
      ...makeListHandlers({ store, openListing, holdBytes: makeBytesHold(budget), log: logger, routing }),
      DELETE: makeClearHandler({ store, openListing, dropBody, allowsClear, routing }),
      POST: makeTransactionHandler({ store, receiveBody: receiveTransaction, maxValueBytes, routing }),
    }),
    payloads: { ...payloads, keys: withCopies(payloads.keys) },
    members: makeMembersHandlers(site?.members, receiveForm),
    ready: readinessOf(store, guard),
    position: () => store.position(),
    readMetrics,
    ...(site && {
      feed: makeFeedHandler(site.feed),
      sitePosition: makePositionHandler(store, site.refreshMembers),
      siteCopies: makeCopiesHandler(site.copyOf),
      rejoin: makeRejoinHandler(site.rejoin, dropBody),
      digests: makeDigestHandlers(
        site.digests,
        makeBodyReceiver({ maxBytes: maxFingerprintBytes, budget, what: 'body' }),
        logger,
      ),
    }),
    ...(ring && {
      ring: makeRingRoutes({
        ...{ store, ring, routing, openListing, dropBody, holdReply, maxValueBytes, allowsClear },
        receiving: (what, maxBytes) => checkingDigests(makeBodyReceiver({ maxBytes, budget, what })),
        log: logger,
      }),
    }),
    guard,
  })
}
