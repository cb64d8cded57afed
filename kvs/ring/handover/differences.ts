import type { MovedWrite } from '../../core/entry.ts'
import type { MovedPage } from '../../kv/index.ts'
import type { KeyWalk, OrderedKeys } from '../../order/index.ts'
import type { OwnNode } from '../own-node.ts'

/** Compares what this log holds with what the owner of the keys has, page by page. */
export interface Differences {
  /** What has to be written here so that the keys up to the page's last one are as there. Pages come in their order. */
  of(page: MovedPage): readonly MovedWrite[]
}

/** @param held the keys of the slots that this log holds: nobody else adds any meanwhile, and they may go */
export function makeDifferences(node: Pick<OwnNode, 'heldValue'>, held: OrderedKeys): Differences {
  const walk = held
    .snapshot()
    .walk({ ranges: [{ from: Buffer.alloc(0), to: undefined }], limit: undefined, delimiter: undefined })
  const others = makePeeking(walk)

  /** Whether this log holds that very value: no other one ever has its tag. */
  const isHeld = ({ write, earlier }: MovedWrite) => node.heldValue(write.key)?.tag === earlier.tag

  /** Deletes of the keys through `last` that the owner does not have. */
  function deletes(there: ReadonlySet<string>, last: Buffer | undefined): MovedWrite[] {
    const gone: MovedWrite[] = []
    for (let key = others.key(); key !== undefined; key = others.key()) {
      if (last !== undefined && key.compare(last) > 0) break
      const text = key.toString()
      if (!there.has(text)) gone.push(...removalOf(node, text))
      others.next()
    }
    return gone
  }

  return {
    of({ items, last }) {
      const there = new Set(items.map(({ write }) => write.key))
      const gone = deletes(there, last === undefined ? undefined : Buffer.from(last))
      return [...gone, ...items.filter((item) => !isHeld(item))]
    },
  }
}

/** A delete of a key that this log holds; nothing where it holds none by now. */
export function removalOf(node: Pick<OwnNode, 'heldValue'>, key: string): MovedWrite[] {
  const { tag, modifiedAt } = node.heldValue(key) ?? {}
  if (tag === undefined || modifiedAt === undefined) return []
  return [{ write: { kind: 'delete', key }, earlier: { tag, modifiedAt } }]
}

function makePeeking(walk: KeyWalk) {
  let [next] = walk.take(1)
  return {
    key: () => next,
    next() {
      ;[next] = walk.take(1)
    },
  }
}
