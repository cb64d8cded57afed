import type { Dispatcher } from 'undici'
import { NotOwner } from '../core/errors.ts'
import type { Part, PartReply } from '../http/api/index.ts'
import { Broken, noteWait, originForm, type Request } from '../http/exchange/index.ts'
import { headersToMember, withoutHeaders } from './onward-headers.ts'
import { type RingMember, unanswered } from './ring-members.ts'
import type { TargetRequest } from './target.ts'
import { explain, Late } from './target-failures.ts'
import { joinTrace } from './trace-header.ts'

export interface RingPartOptions {
  readonly address: string
  readonly isOwn: boolean
  readonly memberAt: (address: string) => RingMember
  readonly versionText: () => string
  /** Longest wait for the head of an answer, and for each further piece of it. */
  readonly timeoutMs: number
  readonly pseudonym: string
  /**
   * Notes that the member has refused a request, since it goes by this version of the ring. Resolves once this node
   * knows what the member knows.
   */
  readonly refused: (address: string, version: string) => Promise<void>
}

type Change = Parameters<Part['ask']>[1]

/** Makes the part of the keys that a member has. */
export function makeRingPart(options: RingPartOptions): Part {
  const { address, isOwn, refused, versionText } = options
  return {
    address,
    isOwn,

    async ask(request, change) {
      if (request.isOver) throw new Broken('the client is gone')
      const { status, headers, body } = await new Asked(request, change, options).head()
      const version = headers.get('kvs-ring')
      if (status !== 421 || version === undefined) return { status, headers, body }
      for await (const _ of body);
      await refused(address, version)
      throw new NotOwner(versionText())
    },
  }
}

/** One request to a member, until all of its answer was read or the client is gone. */
class Asked {
  private readonly request: Request
  private readonly options: RingPartOptions
  private readonly member: RingMember
  private readonly sent: TargetRequest & { readonly signal: AbortSignal }
  private readonly stop = new AbortController()
  private readonly resource: Request['resource']
  /** What the request held before. */
  private readonly others: Request['resource']

  constructor(request: Request, change: Change, options: RingPartOptions) {
    const { address, memberAt, timeoutMs } = options
    this.request = request
    this.options = options
    this.member = memberAt(address)
    this.sent = {
      method: request.method as Dispatcher.HttpMethod,
      path: pathOf(request, change?.query),
      headers: this.headersWith(change?.headers ?? []),
      servername: this.member.target.servername,
      signal: this.stop.signal,
      bodyTimeout: timeoutMs,
    }
    const others = request.resource
    this.others = others
    this.resource = {
      release: () => {
        this.stop.abort(new Broken('the client is gone'))
        others?.release()
      },
    }
    request.resource = this.resource
  }

  /** Rejects with `cannot_forward`, and with `Broken`. */
  async head(): Promise<PartReply> {
    const { request, stop, member } = this
    const { timeoutMs } = this.options
    const timer = request.clock.after(timeoutMs, () => stop.abort(new Late(`no answer within ${timeoutMs} ms`)))
    noteWait(request, 'target')
    try {
      const { statusCode, headers, body } = await member.target.dispatcher.request(this.sent)
      member.health.answered()
      return { status: statusCode, headers: byName(headers), body: this.piecesOf(body) }
    } catch (error) {
      this.end()
      throw this.failure(error)
    } finally {
      timer.cancel()
      noteWait(request, undefined)
    }
  }

  private async *piecesOf(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    try {
      yield* body
    } catch (error) {
      throw this.failure(error)
    } finally {
      this.end()
    }
  }

  private headersWith(given: readonly string[]): string[] {
    const { request, options } = this
    const names = given.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase())
    const onward = headersToMember(request, options.pseudonym, options.versionText())
    return [...withoutHeaders(onward, ['content-length', ...names]), ...given, ...joinTrace(request)]
  }

  private failure(error: unknown): Error {
    const { request, member } = this
    if (error instanceof Broken || request.isOver) return error instanceof Broken ? error : new Broken('it is over')
    const reason = explain(error instanceof Error ? error : new Error(String(error)), member.target.name)
    request.telemetry.reason = reason
    member.health.failed(reason)
    return unanswered(request, member.target.name, reason)
  }

  private end(): void {
    if (this.request.resource === this.resource) this.request.resource = this.others
  }
}

/** @param query undefined for the request's own */
function pathOf(request: Request, query: string | undefined): string {
  if (query === undefined) return originForm(request.target)
  return query === '' ? request.path : `${request.path}?${query}`
}

function byName(headers: Dispatcher.ResponseData['headers']): ReadonlyMap<string, string> {
  const named = Object.entries(headers).map(([name, value = '']) => [name, [value].flat().join(', ')] as const)
  return new Map(named)
}
