import type { Right } from '../../../access/index.ts'
import {
  callOffPath,
  changePath,
  givePath,
  type Kv,
  movedAnswersPath,
  movedChangesPath,
  movedKeysPath,
  type RingService,
  removeLostPath,
  ringPath,
  spooledPath,
  takePath,
} from '../../../kv/index.ts'
import type { DropBody, HoldReply, ReceiveBody } from '../../exchange/index.ts'
import type { OpenListing } from '../lists/list-shares.ts'
import type { DefectLog } from '../lists/list-stream.ts'
import type { Handle, RouteTable } from '../route.ts'
import type { Routing } from '../routing.ts'
import { maxValueFormBytes, receivingForms } from '../sites/form-body.ts'
import { dialectRoutes } from './dialect-paths.ts'
import { makeHashRingHandlers } from './hash-ring-handlers.ts'
import { makeCacheClearer, makeKeysHandler } from './own-keys.ts'
import { makeRemovalHandler } from './removal-handler.ts'
import { maxRingBody } from './ring-body.ts'
import { makeRingHandlers } from './ring-handlers.ts'
import { makeRouteDialect } from './route-dialect.ts'
import { makeSpooledHandler } from './spooled-handler.ts'

export interface RingRoutesOptions {
  readonly store: Kv
  readonly ring: RingService
  /** Undefined where this node answers everything itself. */
  readonly routing: Routing | undefined
  readonly openListing: OpenListing
  readonly dropBody: DropBody
  readonly holdReply: HoldReply
  /** Makes what receives bodies of up to `maxBytes`. @param what a body is, for an error */
  readonly receiving: (what: 'body' | 'form', maxBytes: number) => ReceiveBody
  /** Largest value, in bytes. */
  readonly maxValueBytes: number
  /** Whether everybody may clear keys where there is no guard. */
  readonly allowsClear: boolean
  readonly log: DefectLog
}

/** Makes the routes of a node that may be a member of a ring: those between members, and those of the dialect. */
export function makeRingRoutes(options: RingRoutesOptions): RouteTable {
  const { store, ring, receiving, maxValueBytes, dropBody, holdReply } = options
  const members = makeRingHandlers({ ring, receiveBody: receiving('body', maxRingBody), dropBody, holdReply })
  const receiveForm = receivingForms(receiving('form', maxRingBody))
  const shape = makeHashRingHandlers({ ring, receiveForm, dropBody })
  const receiveBody = receiving('form', maxValueFormBytes(maxValueBytes))
  const spooled = makeSpooledHandler({ store, ring, receiveBody: receiving('body', maxValueFormBytes(maxValueBytes)) })
  const keys = makeRouteDialect({ ...options, receiveBody })
  return {
    [ringPath]: { methods: { GET: members.show, PUT: members.learn }, rights: { GET: 'replicate', PUT: 'replicate' } },
    [givePath]: posting(members.give, 'replicate'),
    [spooledPath]: posting(spooled, 'replicate'),
    [changePath]: posting(members.change, 'replicate'),
    [takePath]: posting(members.take, 'replicate'),
    [movedKeysPath]: posting(members.keys, 'replicate'),
    [movedChangesPath]: posting(members.changes, 'replicate'),
    [movedAnswersPath]: posting(members.answers, 'replicate'),
    [callOffPath]: posting(members.callOff, 'admin'),
    [removeLostPath]: posting(makeRemovalHandler(ring, receiveForm), 'admin'),
    ...dialectRoutes({
      '/route': keys.routed,
      '/cache': keys.own,
      '/route_test': reading(shape.ownerOfKey),
      '/hash_ring': { ...reading(shape.show), POST: shape.replace },
      '/fetch_keys': reading(makeKeysHandler(options)),
      '/clear_cache': { GET: makeCacheClearer(options) },
      '/add_node/:position/:address': { GET: shape.add, POST: shape.add },
      '/remove_node/:address': { GET: shape.remove, POST: shape.remove },
    }),
  }
}

const posting = (post: Handle, right: Right) => ({ methods: { POST: post }, rights: { POST: right } })

const reading = (get: Handle) => ({ GET: get, HEAD: get })
