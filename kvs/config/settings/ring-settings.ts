import { integer, orWord } from '../parsers.ts'
import type { Table } from '../settings-table.ts'

/** Settings of a member of a ring; its address is among those of a site. */
export const ringSettings = {
  handoverRate: {
    name: 'KVS_HANDOVER_RATE',
    default: '10000',
    parse: orWord('unlimited', Number.POSITIVE_INFINITY, integer(1, 1_000_000)),
    purpose: 'Keys a second that a member of a ring copies from others, when it is to have them',
  },
} satisfies Table
