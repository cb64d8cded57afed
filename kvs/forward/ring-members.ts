import { KvsError } from '../core/errors.ts'
import type { Request } from '../http/exchange/index.ts'
import type { Clock } from '../lib/clock.ts'
import type { Logger } from '../lib/logging.ts'
import { headersToMember } from './onward-headers.ts'
import { type ForwardRequest, makeRequestForwarder } from './request-forwarding.ts'
import type { Target } from './target.ts'
import { makeTargetHealth, type TargetHealth } from './target-health.ts'

export interface RingMembersOptions {
  /** Makes the pool of connections to a member. Called once for each address. */
  readonly targetOf: (address: string) => MemberTarget
  /** Longest wait for a member: to take a connection, to take more of a body, to reply. */
  readonly timeoutMs: number
  readonly pseudonym: string
  /** As `RingService.versionText`. */
  readonly versionText: () => string
  readonly logger: Logger
  readonly clock: Pick<Clock, 'now' | 'soon'>
}

export type MemberTarget = Pick<Target, 'dispatcher' | 'name' | 'servername'>

/** Another member of the ring, as requests are sent to it. */
export interface RingMember {
  readonly target: MemberTarget
  readonly health: TargetHealth
  /** Sends a request on. Rejects with `cannot_forward`, whose message names the member, where that gives no answer. */
  readonly forward: ForwardRequest
}

export interface RingMembers {
  /** @throws KvsError draining once stopped */
  at(address: string): RingMember
  /** Ends every connection. Requests that still wait for an answer get their 503. */
  stop(): Promise<void>
}

export function makeRingMembers(options: RingMembersOptions): RingMembers {
  const { targetOf, timeoutMs, pseudonym, versionText, logger, clock } = options
  const members = new Map<string, RingMember>()
  let isStopped = false

  function make(address: string): RingMember {
    const target = targetOf(address)
    const health = makeTargetHealth(target.name, logger, clock)
    const forward = makeRequestForwarder({
      ...{ target, timeoutMs, health, clock },
      headersOf: (request) => headersToMember(request, pseudonym, versionText()),
      unanswered: (request, reason) => Promise.reject(unanswered(request, target.name, reason)),
    })
    return { target, health, forward }
  }

  return {
    at(address) {
      if (isStopped) throw new KvsError('draining')
      const known = members.get(address)
      if (known !== undefined) return known
      const made = make(address)
      members.set(address, made)
      return made
    },

    async stop() {
      isStopped = true
      await Promise.all([...members.values()].map(({ target }) => target.dispatcher.destroy()))
    },
  }
}

/** @param reason as `explain` has it */
export function unanswered({ method }: Request, member: string, reason: string): KvsError {
  const isRead = method === 'GET' || method === 'HEAD'
  const outcome = isRead ? '' : '; what was asked may be done, or may be yet'
  return new KvsError('cannot_forward', `${member}, a member of the ring, gives no answer (${reason})${outcome}`)
}
