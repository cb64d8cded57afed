import { address, duration } from '../parsers.ts'
import type { Table } from '../setting.ts'

/** Whether the node holds nothing, and hands every request on. */
export const forwardingSettings = {
  forwardingAddress: {
    name: 'FORWARDING_ADDRESS',
    parse: address,
    purpose: 'host:port of the node that every request is forwarded to; unset: this one serves',
  },
} satisfies Table

/** How such a node goes about it. */
export const forwarderSettings = {
  forwardTimeoutMs: {
    name: 'KVS_FORWARD_TIMEOUT',
    default: '15s', // above KVS_APPEND_TIMEOUT: by then a node that waits for its log has said what became of a write
    parse: duration(),
    purpose: 'How long a forwarding node waits for the answer; past it 503',
  },
} satisfies Table
