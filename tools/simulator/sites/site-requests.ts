import { KvsError } from '../../../kvs/core/errors.ts'
import { parsePosition } from '../../../kvs/core/position.ts'
import { type PeerClient, PeerRemoved, type Sites } from '../../../kvs/sites/index.ts'
import type { Node } from '../node.ts'
import type { Server } from '../requester.ts'
import type { Lane } from '../scheduler.ts'
import type { Paths } from './paths.ts'

/** Who asks whom. */
export interface Ends {
  /** Site of the process that asks. */
  readonly client: number
  /** Site of the node that is asked. */
  readonly server: number
  readonly process: Lane
  readonly node: Node
}

/** How long an answer may take to begin, as `kvs/sites/http-peer.ts` has it. */
export const answerMs = 10_000

/** What a node's process is told where another one has failed it, for a cause that it may have named. */
export function asClientSees(message: string, cause: unknown): Error {
  const isRemoved = cause instanceof KvsError && cause.code === 'removed'
  return isRemoved ? new PeerRemoved(message) : new Error(message)
}

/** The short requests of sites, as `kvs/sites/http-peer.ts` and its server have them. */
export function makeSiteRequests(paths: Paths, ends: Ends): Omit<PeerClient, 'open'> {
  return {
    askPosition: (seen, signal) =>
      request(paths, ends, signal, async ({ kv }, sites) => {
        if (seen !== undefined) {
          await kv.waitFor(seen)
          await sites.refreshMembers()
        }
        const position = parsePosition(kv.position())
        if (position === undefined) throw new Error('it has no position')
        return position
      }),
    askCopy: (asked, signal) => request(paths, ends, signal, (_, sites) => sites.copyOf(asked)),
    askDigests: (seen, signal) => request(paths, ends, signal, (_, { digests }) => digests.read(seen)),
    askUnlike: (seen, fingerprints, signal) =>
      request(paths, ends, signal, (_, { digests }) => digests.compare(seen, fingerprints)),
    rejoin: (rank, signal) => request(paths, ends, signal, (_, sites) => sites.rejoin(rank)),
  }
}

/** There and back, unless the node dies meanwhile, takes too long, or nobody waits any more. */
function request<Result>(
  paths: Paths,
  { client, server: site, process, node }: Ends,
  signal: AbortSignal,
  act: (server: Server, sites: Sites) => Promise<Result>,
): Promise<Result> {
  const answer = Promise.withResolvers<Result>()
  const fail = (reason: string, cause?: unknown) => answer.reject(asClientSees(`${node.name} ${reason}`, cause))
  const silence = process.after(answerMs, () => fail('gives no sign of life'))
  const abort = () => answer.reject(signal.reason)
  signal.addEventListener('abort', abort)
  if (signal.aborted) abort()

  /** Runs `settle` at the process that asks, once what is sent there now arrives. */
  async function tell(settle: () => void): Promise<void> {
    await paths.cross(site, client)
    process.after(0, settle)
  }

  async function ask(): Promise<void> {
    await paths.cross(client, site)
    const server = node.server()
    if (server === undefined) return tell(() => fail('refuses the connection'))
    const forget = server.onceEnded(() => void tell(() => fail('resets the connection')))
    server.lane.after(0, () => {
      const { sites } = server
      const done = sites ? act(server, sites) : Promise.reject(new Error('it is no site'))
      done
        .then(
          (result) => tell(() => answer.resolve(result)),
          (error) => tell(() => fail(`answers: ${error instanceof Error ? error.message : String(error)}`, error)),
        )
        .finally(forget)
    })
  }

  void ask()
  return answer.promise.finally(() => {
    silence.cancel()
    signal.removeEventListener('abort', abort)
  })
}
