import { KvsError } from '../core/errors.ts'
import { type Position, positionAt } from '../core/position.ts'
import type { Members } from '../kv/index.ts'
import type { Clock } from '../lib/clock.ts'
import type { Logger } from '../lib/logging.ts'
import { askedOfLog, type SiteLog } from '../log/index.ts'
import type { MemberSet } from './member-set.ts'
import type { OwnSite } from './own-site.ts'
import type { PeerClient } from './peer-client.ts'

export interface MembershipOptions {
  readonly set: MemberSet
  readonly siteLog: Pick<SiteLog, 'appendMember'>
  readonly site: OwnSite
  readonly own: string | undefined
  readonly connect: (address: string) => PeerClient
  readonly logger: Logger
  readonly clock: Clock
}

/** How long another site may take to answer, or to catch up, before it counts as out of reach, in milliseconds. */
const patienceMs = 2_000

/** Changes the members of the group, and tells all of them that can be reached. */
export function makeMembership(options: MembershipOptions): Members {
  const { set, own } = options
  return {
    list: set.list,
    async add(address) {
      await prepare(options, address)
      if (set.list().includes(address)) return 'there already'
      const position = await append(options, 'join', address)
      await Promise.all([rejoin(options, address), tell(options, position, set.others())])
      return 'added'
    },
    async remove(address) {
      await prepare(options, address)
      if (!set.list().includes(address)) return 'not there'
      const others = set.others()
      const isReached = address === own || (await drain(options, address))
      const position = await append(options, 'leave', address)
      // To wait for it twice would keep the client waiting for as long again.
      await tell(options, position, isReached ? others : others.filter((other) => other !== address))
      return 'removed'
    },
  }
}

/** Learns what is known by now, and rejects where others would not hear of the change, or would not take it. */
async function prepare({ set, own }: MembershipOptions, address: string): Promise<void> {
  await askedOfLog(set.refresh())
  const refuse = (code: 'removed' | 'behind', sentence: string) => new KvsError(code, `${sentence}; nothing was done`)
  if (set.isRemoved) throw refuse('removed', 'this site was taken out of its group: ask a member')
  // Its own entry might be older, by its clock.
  if (set.isNoted && address === own) throw refuse('behind', 'this site does not have the entry yet that added it')
}

/** Resolves once this node knows the change. Returns the position that has it. */
async function append(
  { siteLog, site, set }: MembershipOptions,
  kind: 'join' | 'leave',
  address: string,
): Promise<Position> {
  const { sequence } = await askedOfLog(siteLog.appendMember({ kind, key: address }))
  const position = positionAt(site.logId(), sequence)
  await site.waitFor(position)
  await askedOfLog(set.refresh())
  return position
}

/** Tells a site that it is a member again, as long as it can be reached; who follows it later tells it then. */
async function rejoin({ set, connect, own, clock }: MembershipOptions, address: string): Promise<void> {
  const rank = set.rankOf(address)
  if (rank === undefined || address === own) return
  await connect(address)
    .rejoin(rank, timeout(clock))
    .catch(() => undefined)
}

/**
 * Waits until this site has all that the other one had when it was asked. Resolves with false where that is out of
 * reach, or this site does not catch up in time.
 */
async function drain({ connect, site, logger, clock }: MembershipOptions, address: string): Promise<boolean> {
  try {
    await site.waitFor(await connect(address).askPosition(undefined, timeout(clock)))
    return true
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    logger.warn(`${address} is taken out, and may have writes that no other site has: ${reason}`)
    return false
  }
}

/** Resolves once each of the sites has the position, or is out of reach. */
async function tell({ connect, logger, clock }: MembershipOptions, position: Position, addresses: readonly string[]) {
  const asks = addresses.map((address) =>
    connect(address)
      .askPosition(position, timeout(clock))
      .catch((error) => logger.info(`${address} is not told of the change of members yet: ${error.message}`)),
  )
  await Promise.all(asks)
}

function timeout(clock: Clock): AbortSignal {
  const aborting = new AbortController()
  clock.after(patienceMs, () => aborting.abort(new Error(`no answer within ${patienceMs} ms`))).unref()
  return aborting.signal
}
