import { path } from '../parsers.ts'
import type { Table } from '../settings-table.ts'

/** Settings of HTTPS. */
export const tlsSettings = {
  tlsCertFile: { name: 'KVS_TLS_CERT', parse: path, purpose: 'PEM file of the certificate, and its chain: HTTPS' },
  tlsKeyFile: { name: 'KVS_TLS_KEY', parse: path, purpose: 'PEM file of the key to the certificate' },
  tlsClientCaFile: {
    name: 'KVS_TLS_CLIENT_CA',
    parse: path,
    purpose: 'PEM file of the CAs that clients must have a certificate of',
  },
} satisfies Table
