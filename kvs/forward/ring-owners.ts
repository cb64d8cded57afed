import { KvsError } from '../core/errors.ts'
import type { RingService } from '../kv/index.ts'

/**
 * Addresses of the members that may own all of the keys, the likelier one first.
 * @throws KvsError several_owners where there are none
 */
export function commonOwners(ring: Pick<RingService, 'ownersOf'>, keys: readonly string[]): readonly string[] {
  const owners = keys.map((key) => ring.ownersOf(key))
  const [first = [], ...others] = owners
  const common = first.filter((address) => others.every((addresses) => addresses.includes(address)))
  if (common.length > 0) return common
  throw severalOwners(owners.map(([likeliest = '']) => likeliest))
}

/** @param owners of each key */
function severalOwners(owners: readonly string[]): KvsError {
  const counts = new Map<string, number>()
  for (const owner of owners) counts.set(owner, (counts.get(owner) ?? 0) + 1)
  const shares = [...counts].map(([owner, count]) => `${count} to ${owner}`)
  const named = `${shares.slice(0, -1).join(', ')} and ${shares.at(-1)}`
  return new KvsError(
    'several_owners',
    `the keys belong to several members of the ring, ${named}: a transaction takes keys of one; nothing was stored`,
  )
}
