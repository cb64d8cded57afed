import type { Answer } from '../../support/client.ts'
import type { RingNode } from './nodes.ts'

export interface BusyClient {
  /** What was answered otherwise than it has to be, in words. */
  readonly wrong: readonly string[]
  /** Writes that were acknowledged. */
  readonly writes: number
  /** The values that its keys have to have now. */
  readonly values: ReadonlyMap<string, string>
  run(signal: AbortSignal): Promise<void>
}

/**
 * Writes keys of its own at one node after the other, and reads each at the next one. It never asks again: whatever is
 * not as it was to be is wrong.
 */
export function makeBusyClient(name: string, nodes: readonly RingNode[]): BusyClient {
  const wrong: string[] = []
  const values = new Map<string, string>()
  const keys = Array.from({ length: 20 }, (_, number) => `${name}-${number}`)
  const tags = new Map<string, string>()
  let asked = 0
  let writes = 0
  const next = () => nodes[asked++ % nodes.length] as RingNode

  function expectStatus(what: string, { status, body }: Answer, expected: number): boolean {
    if (status !== expected) wrong.push(`${what} is ${status}, not ${expected}: ${body}`)
    return status === expected
  }

  /** Every other one lands only if the key still has the value that this client gave it. */
  async function write(key: string, turn: number): Promise<void> {
    const node = next()
    const tag = tags.get(key)
    const value = `${name} ${turn}`
    const answer = await node.put(key, value, turn % 2 === 0 && tag !== undefined ? { 'If-Match': tag } : {})
    if (!expectStatus(`turn ${turn}: PUT ${key} at ${node.address}`, answer, 201)) return
    writes++
    values.set(key, value)
    tags.set(key, answer.headers.etag ?? '')
  }

  async function read(key: string, turn: number): Promise<void> {
    const node = next()
    const answer = await node.get(key)
    const what = `turn ${turn}: GET ${key} at ${node.address}`
    if (!expectStatus(what, answer, 200)) return
    if (answer.body !== values.get(key)) wrong.push(`${what} shows ${answer.body}, not ${values.get(key)}`)
    if (answer.headers.etag !== tags.get(key)) wrong.push(`${what} has ${answer.headers.etag}, not ${tags.get(key)}`)
  }

  /** A counter, which a write that is done twice would put ahead. */
  async function count(turn: number): Promise<void> {
    const node = next()
    const key = `${name}-count`
    const expected = String(Number(values.get(key) ?? 0) + 1)
    const answer = await node.ask({ method: 'POST', path: `/v1/${key}?add=1` })
    const what = `turn ${turn}: POST ${key}?add=1 at ${node.address}`
    if (!expectStatus(what, answer, 200)) return
    writes++
    values.set(key, expected)
    if (answer.body !== expected) wrong.push(`${what} gives ${answer.body}, not ${expected}`)
  }

  return {
    ...{ wrong, values },
    get writes() {
      return writes
    },
    async run(signal) {
      for (let turn = 0; !signal.aborted && wrong.length === 0; turn++) {
        const key = keys[turn % keys.length] as string
        await write(key, turn)
        await read(key, turn)
        const other = keys[(turn * 7) % keys.length] as string
        if (values.has(other)) await read(other, turn)
        if (turn % 3 === 0) await count(turn)
      }
    },
  }
}
