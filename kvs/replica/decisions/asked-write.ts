import { ConditionFailed, KvsError } from '../../core/errors.ts'
import { isExpiry, weight } from '../../core/operation/operation.ts'
import { holds } from '../../core/precondition.ts'
import { versionAt } from '../../core/version.ts'
import type { ConditionalWrite, InLog } from '../../kv/index.ts'
import type { Asked } from './asked.ts'
import { hashOfWrite } from './request-hash.ts'

/** One write, under a condition or an idempotency key. Its answer tells whether the key had a value. */
export function askedWrite(conditional: ConditionalWrite): Asked<InLog> {
  const { write, precondition, idempotencyKey } = conditional
  return {
    weight: weight(write),
    size: 1,
    versionsOf: [write.key],
    keys: () => [write.key],
    idempotencyKey,
    hash: () => hashOfWrite(conditional),
    decide(state) {
      // What ends a key is decided by the very entry that lapsed, whatever is shown of it.
      const current = isExpiry(write) ? state.versionInLog(write.key) : state.versionOf(write.key)
      return { writes: holds(precondition, current) ? [write] : [], current, note: undefined }
    },
    answer({ outcome, entry, origin, current }, logId) {
      if (outcome === 'reused') throw new KvsError('idempotency_key_reused')
      if (entry === undefined) throw new ConditionFailed(current?.tag)
      return { ...versionAt(origin ?? logId, entry), replaced: current !== undefined }
    },
  }
}
