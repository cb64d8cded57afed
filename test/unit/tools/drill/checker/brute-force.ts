import type { RegisterOperation } from '../../../../../tools/drill/checker/register.ts'

/**
 * Whether the operations of one key are linearizable, straight from the definition: tries every order of the operations
 * that respects time, with every choice of the unknown writes that took effect. For a few operations only.
 */
export function isLinearizable(operations: readonly RegisterOperation[]): boolean {
  const counted = operations.filter(
    ({ kind, outcome }) => outcome === 'ok' || (outcome === 'unknown' && kind !== 'get'),
  )
  return extend(counted, null)
}

function extend(left: readonly RegisterOperation[], value: string | null): boolean {
  if (left.every((operation) => operation.outcome === 'unknown')) return true
  return left.some((next, index) => {
    const others = left.toSpliced(index, 1)
    if (others.some((other) => other.outcome === 'ok' && other.returned < next.invoked)) return false
    if (next.outcome === 'ok' && next.replaces !== undefined && next.replaces !== value) return false
    if (next.kind === 'get') return (next.value ?? null) === value && extend(others, value)
    return extend(others, next.kind === 'put' ? (next.value ?? null) : null)
  })
}
