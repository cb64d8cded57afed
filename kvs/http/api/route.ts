import type { Right } from '../../access/index.ts'
import type { RenderError, Reply, Request } from '../exchange/index.ts'

/** Handles a request. Throws or rejects with the KvsError that goes back, or with `Broken` where the client is gone. */
export type Handle = (request: Request) => Reply | Promise<Reply>

/** What a path takes. */
export interface Route {
  /** Handlers by method. */
  readonly methods: Readonly<Record<string, Handle>>
  /** Right that each method asks a caller for, `admin` where it is not named; `open` lets everybody in. */
  readonly rights: 'open' | Readonly<Record<string, Right>>
  /** Takes the methods that `methods` lacks. Without it they get a 405 with the names of those in `methods`. */
  readonly fallback?: Fallback
  /** Undefined for text or problem details, as the client accepts. */
  readonly renderError?: RenderError
}

export interface Fallback {
  readonly handle: Handle
  readonly right: Right
}

/** Routes by path, in find-my-way's syntax. One that ends in `*:` takes the paths that end in a raw colon. */
export type RouteTable = Readonly<Record<string, Route>>
