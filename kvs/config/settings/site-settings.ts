import { address, duration, integer, listOf, orWord, path } from '../parsers.ts'
import type { Table } from '../settings-table.ts'

/** Settings of a site: a log that takes over the entries of others. */
export const siteSettings = {
  peers: {
    name: 'KVS_PEERS',
    parse: listOf(address, 'addresses', 'site-b:8080,site-c:8080'),
    purpose: 'host:port or https://host:port of nodes of the other sites, with commas; unset: no sites',
  },
  ownAddress: {
    name: 'KVS_ADDRESS',
    parse: address,
    purpose: 'This node’s host:port or https://host:port, in KVS_PEERS or, where that is unset, in a ring',
  },
  minCopies: {
    name: 'KVS_MIN_COPIES',
    default: '1',
    parse: integer(1, 100),
    purpose: 'Logs to have a write before it is answered 201; after KVS_APPEND_TIMEOUT it is 202',
  },
  peerTokenFile: {
    name: 'KVS_PEER_TOKEN_FILE',
    parse: path,
    purpose: 'File of the token to show to other sites or members; it needs the right replicate there',
  },
  peerCaFile: {
    name: 'KVS_PEER_CA',
    parse: path,
    purpose: 'PEM file of the CAs to trust at sites and members with https://; unset: those of the system',
  },
  peerCertFile: {
    name: 'KVS_PEER_CERT',
    parse: path,
    purpose: 'PEM file of the certificate to show to other sites, where one is asked for',
  },
  peerKeyFile: { name: 'KVS_PEER_KEY', parse: path, purpose: 'PEM file of the key to that certificate' },
  digestIntervalMs: {
    name: 'KVS_DIGEST_INTERVAL',
    default: '5m',
    parse: orWord('never', undefined, duration('100ms', '24h')),
    purpose: 'How often to compare values with each other site, in the background; never: not at all',
  },
} satisfies Table
