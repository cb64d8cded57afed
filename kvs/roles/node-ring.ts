import type { Config, PostgresTarget } from '../config/index.ts'
import { slotOf } from '../core/ring/key-slot.ts'
import { hasSlot } from '../core/ring/slot-ranges.ts'
import { makeRingRouting, makeTarget, type RingRouting } from '../forward/index.ts'
import { makePostgresRingLog } from '../log/postgres/index.ts'
import { makeOrderedKeys } from '../order/index.ts'
import type { Replica } from '../replica/index.ts'
import {
  makeHttpMember,
  makeHttpSpooled,
  makePassingOn,
  makeRingMember,
  type OwnNode,
  type RingMember,
} from '../ring/index.ts'
import { countKeysIn, visitKeysIn } from '../view/index.ts'
import type { ServiceProcess } from './service-process.ts'

/** What a node that may be a member of a ring has for it. */
export interface NodeRing {
  readonly member: RingMember
  readonly routing: RingRouting
  /** As `makePassingOn`. */
  readonly passOn: ReturnType<typeof makePassingOn>
}

interface NodeRingParts {
  readonly target: PostgresTarget
  readonly logId: () => string | undefined
  readonly store: () => Replica
  readonly stopping: AbortSignal
}

/** Wires a node's part in a ring. Starts nothing. */
export function makeNodeRing(
  config: Config,
  { address, token, tls, handoverRate }: NonNullable<Config['ring']>,
  { logger }: Pick<ServiceProcess, 'logger'>,
  { target, logId, store, stopping }: NodeRingParts,
): NodeRing {
  const { postgresTimeoutMs, appendTimeoutMs, forwardTimeoutMs, waitTimeoutMs } = config
  const targetOf = (to: string) => {
    const forHttps = to.startsWith('https://') ? tls : undefined
    return makeTarget({ address: to, tls: forHttps, timeoutMs: forwardTimeoutMs, logger })
  }
  const member = makeRingMember({
    self: address,
    node: ownNode(store),
    ringLog: makePostgresRingLog({
      ...{ target, logId, timeoutMs: postgresTimeoutMs, appendTimeoutMs },
      warn: (message) => logger.warn(message),
    }),
    connect: (to) => makeHttpMember(targetOf(to), token),
    handoverRate,
    stopping,
    logger,
  })
  const routing = makeRingRouting({ ring: member, targetOf, timeoutMs: forwardTimeoutMs, waitTimeoutMs, logger })
  const passOn = makePassingOn({ ring: member, connect: (to) => makeHttpSpooled(targetOf(to), token) })
  return { member, routing, passOn }
}

/** What the ring asks of a node, by its store. */
export function ownNode(store: () => Replica): OwnNode {
  return {
    requireReadable: () => store().followed.requireReadable(),
    logId: () => store().followed.logId(),
    session: () => store().followed.session(),
    sequence: () => store().followed.sequence(),
    noWritesReason: () => store().followed.noWritesReason(),
    waitFor: (position) => store().waitFor(position),
    waitForHead: () => store().followed.waitForHead(),
    async countKeysIn(slots) {
      const { followed } = store()
      let keys = 0
      function* counting() {
        keys = yield* countKeysIn(followed.puts(), (key) => hasSlot(slots, slotOf(key)))
      }
      await followed.inSlices(counting())
      return keys
    },
    async keysIn(slots, goesOn) {
      const { followed } = store()
      const keys = makeOrderedKeys()
      let visited = 0
      const isIn = (key: string) => {
        if (++visited % 1_024 === 0) goesOn?.()
        return hasSlot(slots, slotOf(key))
      }
      await followed.inSlices(visitKeysIn(followed.puts(), isIn, keys.add))
      return keys
    },
    heldValue: (key) => store().followed.heldValue(key),
    spooled: () => store().status().spool.writes,
  }
}
