import type { Copies, CopyWait } from '../../kv/index.ts'
import { noteWait, type Reply, type Request, type Resource } from '../exchange/index.ts'
import type { Handle } from './route.ts'

/** Handlers by method. */
type Handlers = Readonly<Record<string, Handle>>

/**
 * Has the answers to writes wait until as many logs have them as are wanted, and say how many do: `KVS-Copies`. Where
 * these are fewer, the status is 202 in place of 200 or 201. A request that has written nothing, or ends in an error,
 * is answered as before. The value has left the memory by then, and a client that goes away is not waited for.
 * @param copies undefined where writes wait for no other log: the handlers stay as they are
 */
export function awaitingCopies(handlers: Handlers, copies: Copies | undefined): Handlers {
  if (copies === undefined) return handlers
  return Object.fromEntries(Object.entries(handlers).map(([method, handle]) => [method, awaiting(handle, copies)]))
}

function awaiting(handle: Handle, copies: Copies): Handle {
  return (request) => {
    const reply = handle(request)
    return reply instanceof Promise ? reply.then((early) => afterCopies(request, early, copies)) : reply
  }
}

async function afterCopies(request: Request, reply: Reply, copies: Copies): Promise<Reply> {
  const { stored } = request.telemetry
  if (stored === undefined) return reply
  const count = stored === 'spooled' ? 0 : await copiesOf(request, stored.sequence, copies)
  const status = count < copies.wanted ? 202 : reply.status
  return { ...reply, status, headers: [...reply.headers, 'KVS-Copies', String(count)] }
}

async function copiesOf(request: Request, sequence: bigint, copies: Copies): Promise<number> {
  const { waitsFor, waitsSince } = request.telemetry
  const elapsedMs = waitsFor === 'log' ? request.clock.now() - waitsSince : 0
  noteWait(request, 'copies')
  const wait = new Wait(copies.wait(sequence, elapsedMs))
  if (request.isOver) wait.release()
  else request.resource = wait
  const count = await wait.done
  if (request.resource === wait) request.resource = undefined
  noteWait(request, undefined)
  return count
}

/** What a request waits for until its client goes away. */
class Wait implements Resource {
  readonly done: Promise<number>
  private readonly wait: CopyWait

  constructor(wait: CopyWait) {
    this.wait = wait
    this.done = wait.done
  }

  release(): void {
    this.wait.cancel()
  }
}
