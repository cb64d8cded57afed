import type { Answer } from '../../support/client.ts'
import type { Site } from './sites.ts'

/** Requests of a client that has seen `position`, or nothing; to the node of that number. */
export const put = ({ ask }: Site, key: string, body: string, position?: string, number?: number) =>
  ask({ method: 'PUT', path: `/v1/${key}`, body, headers: after(position) }, number)

export const get = ({ ask }: Site, key: string, position?: string, number?: number) =>
  ask({ path: `/v1/${key}`, headers: after(position) }, number)

export const remove = ({ ask }: Site, key: string, position?: string) =>
  ask({ method: 'DELETE', path: `/v1/${key}`, headers: after(position) })

export const after = (position?: string): Record<string, string> =>
  position === undefined ? {} : { 'KVS-Min-Position': position }

export const tokenOf = ({ headers }: Pick<Answer, 'headers'>) => headers['kvs-position'] ?? ''
