import { type Dispatcher, request as send } from 'undici'
import { KvsError } from '../../../kvs/core/errors.ts'
import { slotCount, slotOf } from '../../../kvs/core/ring/key-slot.ts'
import { formatRanges, type SlotRanges } from '../../../kvs/core/ring/slot-ranges.ts'
import type { Part, PartReply, Routing } from '../../../kvs/http/api/routing.ts'
import { hasHeader } from '../../../kvs/http/exchange/headers.ts'
import type { Request } from '../../../kvs/http/exchange/request.ts'
import { serve } from './serve.ts'

/** What a test does to the way between members. */
export interface Way {
  /** Stands in for the answer of a member, or fails in its place; undefined lets the request go there. */
  answer: ((address: string, request: Request) => PartReply | Promise<PartReply> | undefined) | undefined
  /** Takes the place of a member's answer. */
  change: ((address: string, reply: PartReply) => PartReply) | undefined
}

type Node = Awaited<ReturnType<typeof serve>>

/**
 * Servers over fake stores that share their keys as the members of a ring do: each has as many slots. A request whose
 * parts do not fit together is tried again for a second, where `waitTimeoutMs` says nothing else.
 */
export async function serveRing(
  count: number,
  { waitTimeoutMs = 1_000, ...options }: Parameters<typeof serve>[0] & { readonly waitTimeoutMs?: number } = {},
) {
  const way: Way = { answer: undefined, change: undefined }
  const asked: { address: string; method: string; headers: readonly string[] }[] = []
  const addresses: string[] = []
  const nodes: Node[] = []

  function partOf(address: string, self: string): Part {
    return {
      address,
      isOwn: address === self,
      async ask(request) {
        asked.push({ address, method: request.method, headers: request.headers })
        const faked = await way.answer?.(address, request)
        const reply = faked === undefined ? await pass(address, request) : withSlots(address, faked)
        return way.change?.(address, reply) ?? reply
      },
    }
  }

  /** What stands in for a member shows the slots of that one, where it tells of none. */
  function withSlots(address: string, reply: PartReply): PartReply {
    const slots = formatRanges(slotsOf(addresses.indexOf(address), count))
    return { ...reply, headers: new Map([['kvs-ring-slots', slots], ...reply.headers]) }
  }

  for (let n = 0; n < count; n++) {
    const routing: Pick<Routing, 'partsFor' | 'waitTimeoutMs'> = {
      waitTimeoutMs,
      async partsFor(request) {
        const self = addresses[n] as string
        return hasHeader(request, ofMember) ? undefined : addresses.map((address) => partOf(address, self))
      },
    }
    const answer: Routing['answer'] = (_request, _keys, local) => local()
    const node = await serve({ allowsClear: true, ...options, routing: { ...routing, answer } })
    node.store.lists.owns = slotsOf(n, count)
    nodes.push(node)
    addresses.push(node.url.replace('http://', ''))
  }

  async function put(key: string, value: string | Buffer = key): Promise<void> {
    const node = nodes[Math.floor((slotOf(key) * count) / slotCount)] as Node
    await node.store.write({ kind: 'put', key, value: Buffer.from(value), contentType: undefined })
  }

  return { nodes, addresses, way, asked, put, url: (nodes[0] as Node).url, first: nodes[0] as Node }
}

/** Header of a request that comes from a member, for its own part alone. */
const ofMember = 'kvs-ring'

/** The slots of one member of so many. */
export function slotsOf(n: number, count: number): SlotRanges {
  const firstOf = (member: number) => Math.ceil((member * slotCount) / count)
  return [{ from: firstOf(n), through: firstOf(n + 1) - 1 }]
}

const notOnward = ['host', 'connection', 'keep-alive']

/** Sends a request on, as a member does. */
async function pass(address: string, request: Request): Promise<PartReply> {
  const gone = new AbortController()
  request.resource = { release: () => gone.abort() }
  const { headers } = request
  const onward = headers.filter((_, at) => !notOnward.includes((headers[at - (at % 2)] ?? '').toLowerCase()))
  const answer = await send(`http://${address}${request.target}`, {
    method: request.method as Dispatcher.HttpMethod,
    headers: [...onward, ofMember, 'cafe=1'],
    signal: gone.signal,
  }).catch((cause: unknown) => {
    throw new KvsError('cannot_forward', `nothing listens at ${address}: is the node running there?`, { cause })
  })
  const { statusCode: status, body } = answer
  return { status, headers: new Map(Object.entries(answer.headers).map(([name, value]) => [name, `${value}`])), body }
}

/** What a member of a test answers with: NDJSON in these chunks, which break off where an error is among them. */
export function ndjsonReply(chunks: Iterable<string | Error>, headers: Record<string, string> = {}): PartReply {
  const all = { 'content-type': 'application/x-ndjson', 'kvs-position': 'beef=1', ...headers }
  return { status: 200, headers: new Map(Object.entries(all)), body: bytesOf(chunks) }
}

async function* bytesOf(chunks: Iterable<string | Error>): AsyncGenerator<Buffer, undefined> {
  for (const chunk of chunks) {
    if (chunk instanceof Error) throw chunk
    yield Buffer.from(chunk)
  }
}
