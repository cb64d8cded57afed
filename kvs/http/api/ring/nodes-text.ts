import { KvsError } from '../../../core/errors.ts'
import type { Positions } from '../../../core/ring/description.ts'
import { slotCount } from '../../../core/ring/key-slot.ts'
import { positionIn } from '../../../core/ring/ring-text.ts'
import { isAddress } from '../../../lib/addresses.ts'
import type { Form } from '../sites/form-body.ts'
import { JsonNumber, parseStrictly, quoted, typeName } from '../transactions/strict-json.ts'
import { requireMembers } from './ring-body.ts'

/** The form has a bound in bytes, and a ring may have a node at every position. */
const bounds = { what: 'data', maxNames: 2, maxParts: Infinity }

const example = 'data={"nodes":[{"ip":"10.0.0.2:5000","key":"3000"}]}'

/**
 * Reads the ring that a form has as `data`.
 * @throws KvsError bad_request where it has no node, two at one position, or is not of that form
 */
export function nodesIn(form: Form): Positions {
  const data = form.get('data')
  if (data === undefined) throw bad(`the ring is missing: send ${example}`)
  const { nodes } = requireMembers(parseStrictly(data, bounds), 'data', ['nodes'])
  if (!Array.isArray(nodes)) throw bad(`data.nodes is ${typeName(nodes)}, and is to be an array: send ${example}`)
  if (nodes.length === 0) throw bad(`data.nodes is empty, and a ring has a node at least: send ${example}`)
  const positions = new Map<number, string>()
  for (const [index, node] of nodes.entries()) {
    const place = `nodes[${index}]`
    const { ip, key } = requireMembers(node, place, ['ip', 'key'])
    const position = positionOf(key, `${place}.key`)
    if (positions.has(position)) throw bad(`${place}.key is ${position}, where another node is already`)
    positions.set(position, addressOf(ip, `${place}.ip`))
  }
  return positions
}

function positionOf(key: unknown, place: string): number {
  const text = key instanceof JsonNumber ? key.text : key
  const position = typeof text === 'string' ? positionIn(text) : undefined
  if (position !== undefined) return position
  const shown = typeof text === 'string' ? quoted(text) : typeName(key)
  throw bad(`${place} is ${shown}, and is to be a position from 0 to ${slotCount - 1}`)
}

function addressOf(ip: unknown, place: string): string {
  if (typeof ip === 'string' && isAddress(ip)) return ip
  throw bad(`${place} is ${typeof ip === 'string' ? quoted(ip) : typeName(ip)}, and is to be IP:PORT: send ${example}`)
}

const bad = (message: string) => new KvsError('bad_request', `${message}; nothing was changed`)
