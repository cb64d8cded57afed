import { NotOwner } from '../../../../core/errors.ts'
import { slotCount } from '../../../../core/ring/key-slot.ts'
import { formatRanges, rangesInText, type SlotRange, type SlotRanges } from '../../../../core/ring/slot-ranges.ts'
import { hasHeader, type Request } from '../../../exchange/index.ts'
import type { AnsweredPart } from './gather.ts'
import { strangeAnswer } from './part-failure.ts'
import { PartRequest } from './part-request.ts'

interface MemberRange extends SlotRange {
  readonly address: string
}

/**
 * Header of a member's own part, which tells the slots that it is of. None where the request asks for all keys, and
 * where the node can be in no ring.
 * @param owns what the log owned at the moment that the answer shows
 */
export function slotsHeader(request: Request, owns: SlotRanges | undefined): string[] {
  const isForPart = request instanceof PartRequest || hasHeader(request, 'kvs-ring')
  return owns !== undefined && isForPart ? ['KVS-Ring-Slots', formatRanges(owns)] : []
}

/**
 * Checks that the answers show every slot once. Members are asked at different moments: of slots that change hands
 * meanwhile, two answers may have the keys, or none.
 * @throws NotOwner where they do not; KvsError cannot_forward where an answer does not tell its slots
 */
export function requireEverySlotOnce(parts: readonly AnsweredPart[]): void {
  const ranges = parts.flatMap(rangesOf).toSorted((one, other) => one.from - other.from)
  let end = { through: -1, address: '' }
  for (const range of ranges) {
    if (range.from <= end.through) {
      throw new NotOwner('', `both ${end.address} and ${range.address} have shown keys of the slot ${range.from}`)
    }
    requireNoGap(end.through + 1, range.from - 1)
    end = range
  }
  requireNoGap(end.through + 1, slotCount - 1)
}

/** @throws NotOwner */
function requireNoGap(from: number, through: number): void {
  if (from <= through) throw new NotOwner('', `no member has shown keys of the slots ${from}-${through}`)
}

function rangesOf({ asked: { address }, reply }: AnsweredPart): MemberRange[] {
  const text = reply.headers.get('kvs-ring-slots')
  if (text === undefined) throw strangeAnswer(address, 'it tells no KVS-Ring-Slots')
  const ranges = rangesInText(text)
  if (ranges === undefined) throw strangeAnswer(address, `its KVS-Ring-Slots is ${JSON.stringify(text)}`)
  return ranges.map((range) => ({ ...range, address }))
}
