import { type Position, positionAt } from '../core/position.ts'
import type { Members } from '../kv/index.ts'
import type { Clock } from '../lib/clock.ts'
import type { Logger } from '../lib/logging.ts'
import type { SiteLog } from '../log/index.ts'
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
      await set.refresh()
      if (set.list().includes(address)) return 'there already'
      await tell(options, await append(options, 'join', address), set.others())
      return 'added'
    },
    async remove(address) {
      await set.refresh()
      if (!set.list().includes(address)) return 'not there'
      const told = set.others()
      if (address !== own) await drain(options, address)
      const position = await append(options, 'leave', address)
      await tell(options, position, told)
      return 'removed'
    },
  }
}

/** Resolves once this node knows the change. Returns the position that has it. */
async function append(
  { siteLog, site, set }: MembershipOptions,
  kind: 'join' | 'leave',
  address: string,
): Promise<Position> {
  const { sequence } = await siteLog.appendMember({ kind, key: address })
  const position = positionAt(site.logId(), sequence)
  await site.waitFor(position)
  await set.refresh()
  return position
}

/** Waits until this site has all that the other one had when it was asked, as long as that can be reached. */
async function drain({ connect, site, logger, clock }: MembershipOptions, address: string): Promise<void> {
  try {
    await site.waitFor(await connect(address).askPosition(undefined, timeout(clock)))
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    logger.warn(`${address} is taken out, and may have writes that no other site has: ${reason}`)
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
