import type { KeyRange } from '../../../core/key-range.ts'
import type { Collection } from '../key-decoding.ts'
import type { ListQuery } from './list-query.ts'

/**
 * The ranges of keys that a list shows: those of the collection that its caller reaches, and of these the ones after
 * the query's key. Sorted and disjoint, and none of them is empty; there may be no range at all.
 */
export function rangesOf(
  { prefix, reached }: Collection,
  { after, delimiter }: Pick<ListQuery, 'after' | 'delimiter'>,
): KeyRange[] {
  const ranges = reached.map(rangeOf).toSorted((one, other) => Buffer.compare(one.from, other.from))
  if (after === undefined) return ranges
  const first = firstAfter(after, prefix, delimiter)
  return first === undefined ? [] : ranges.flatMap((range) => cutBefore(range, first))
}

function rangeOf(prefix: string): KeyRange {
  return { from: Buffer.from(prefix), to: endOf(prefix) }
}

/** The least bytes after all keys that begin with the prefix; undefined where all keys do. */
function endOf(prefix: string): Buffer | undefined {
  const bytes = Buffer.from(prefix)
  const last = bytes.at(-1)
  if (last === undefined) return undefined
  // UTF-8 has no byte 0xff, so that there is nothing to carry.
  bytes[bytes.length - 1] = last + 1
  return bytes
}

/**
 * The least bytes after a key. With a delimiter, the names of subtrees come after it, not the keys in them: a subtree
 * that the key is in, or names, is over.
 */
function firstAfter(key: string, prefix: string, delimiter: string | undefined): Buffer | undefined {
  const at = delimiter !== undefined && key.startsWith(prefix) ? key.indexOf(delimiter, prefix.length) : -1
  if (delimiter === undefined || at < 0) return Buffer.from(`${key}\0`)
  return endOf(key.slice(0, at + delimiter.length))
}

function cutBefore({ from, to }: KeyRange, first: Buffer): KeyRange[] {
  const start = Buffer.compare(from, first) < 0 ? first : from
  return to !== undefined && Buffer.compare(start, to) >= 0 ? [] : [{ from: start, to }]
}
