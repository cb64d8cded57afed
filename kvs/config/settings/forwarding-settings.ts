import { address, duration, path } from '../parsers.ts'
import type { Table } from '../settings-table.ts'

/** The setting that makes the process a forwarder. */
export const forwardingSettings = {
  forwardingAddress: {
    name: 'FORWARDING_ADDRESS',
    parse: address,
    purpose: 'host:port or https://host:port of the node to forward to; unset: this one serves',
  },
} satisfies Table

/** Settings of a forwarder. */
export const forwarderSettings = {
  forwardTimeoutMs: {
    name: 'KVS_FORWARD_TIMEOUT',
    default: '15s', // above KVS_APPEND_TIMEOUT, by which a node has answered a write that waits for the log
    parse: duration(),
    purpose: 'How long a forwarding node waits for the answer; past it 503',
  },
  forwardCaFile: {
    name: 'KVS_FORWARD_CA',
    parse: path,
    purpose: 'PEM file of the CAs to trust at https://; unset: those of the system',
  },
  forwardCertFile: {
    name: 'KVS_FORWARD_CERT',
    parse: path,
    purpose: 'PEM file of the certificate to show at https://, where one is asked for',
  },
  forwardKeyFile: { name: 'KVS_FORWARD_KEY', parse: path, purpose: 'PEM file of the key to that certificate' },
} satisfies Table
