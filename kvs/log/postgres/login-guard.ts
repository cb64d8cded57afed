import type { EventEmitter } from 'node:events'
import type { Duplex } from 'node:stream'
import type { Client } from 'pg'
import type { PostgresTarget } from '../../config/index.ts'

/** What of a login this end did not go along with. */
export type LoginProblem =
  | 'no password'
  | 'method not supported'
  | 'method not allowed'
  | 'not bound to TLS'
  | 'server not proven'
  | 'not Postgres'
  | 'TLS at once'
  | 'closed without a word'

/** The connection was ended by this end, before the server had anything of the password that it must not have. */
export class LoginRefused extends Error {
  override readonly name = 'LoginRefused'
  readonly problem: LoginProblem
  /** What the server asked for, or answered, where that is known. */
  readonly what: string | undefined

  constructor(problem: LoginProblem, what?: string) {
    super(what === undefined ? problem : `${problem} (${what})`)
    this.problem = problem
    this.what = what
  }
}

/** What `pg` has below its client, without a public name. */
interface Wire extends EventEmitter {
  readonly stream: Duplex
  attachListeners(stream: { on(event: string, listen: (data: Buffer) => void): unknown }): void
}

/** Requests of the protocol that `pg` throws at. https://www.postgresql.org/docs/current/protocol-message-formats.html */
const foreignMethods: Record<number, string> = { 2: 'krb5', 6: 'scm', 7: 'gss', 9: 'sspi' }

const byte = (letter: string) => letter.charCodeAt(0)
const authentication = byte('R')
/** An error, a notice, or what of the protocol is not spoken may come before it. */
const firstBytes = [authentication, byte('E'), byte('N'), byte('v')]

/**
 * Watches how the server lets this client in, from before `client.connect()` until it has, and ends the connection with a
 * `LoginRefused` where the target forbids the way it wants to, or `pg` can't go it.
 */
export function guardLogin(client: Client, target: PostgresTarget, tls: 'none' | 'asked for' | 'direct'): void {
  const wire = (client as unknown as { connection: Wire }).connection
  const mustBeBound = target.channelBinding === 'require'
  let isIn = false
  let hasAnswered = false
  let asked: string | undefined
  let isBound = false
  let isProven = false

  const refuse = (problem: LoginProblem, what?: string) => end(new LoginRefused(problem, what))

  /** At once: the server's word that all is well may be in the same packet. */
  function end(error: Error): void {
    wire.emit('error', error)
    wire.stream.destroy()
  }

  function requireMethod(method: string, name = method): boolean {
    asked = method
    if (target.authMethods?.some((allowed) => allowed === method) === false) refuse('method not allowed', name)
    else if (mustBeBound && !isBound) refuse('not bound to TLS', name)
    else if (method === 'oauth') refuse('method not supported', name)
    else if (method !== 'none' && target.password === undefined) refuse('no password', name)
    else return true
    return false
  }

  wire.on('authenticationCleartextPassword', () => requireMethod('password', 'the password in clear text'))
  wire.on('authenticationMD5Password', () => requireMethod('md5'))
  wire.on('authenticationSASL', ({ mechanisms }: { mechanisms: string[] }) => {
    isBound = tls !== 'none' && target.channelBinding !== 'disable' && mechanisms.includes('SCRAM-SHA-256-PLUS')
    requireMethod(mechanisms.some((name) => name.startsWith('SCRAM-')) ? 'scram-sha-256' : 'oauth')
  })
  wire.on('authenticationSASLFinal', () => {
    isProven = true
  })
  wire.on('authenticationOk', () => {
    if (asked === undefined) requireMethod('none', 'nothing')
    else if (asked === 'scram-sha-256' && !isProven) refuse('server not proven')
  })
  wire.once('readyForQuery', () => {
    isIn = true
  })
  wire.once('end', () => {
    if (!hasAnswered && !isIn) wire.emit('error', new LoginRefused('closed without a word'))
  })

  if (tls === 'asked for') {
    wire.once('connect', () => {
      wire.stream.prependOnceListener('data', (answer: Buffer) => {
        hasAnswered = true
        const isKnown = answer[0] === byte('E') || (answer.length === 1 && /[SN]/.test(answer.toString('latin1')))
        if (!isKnown) end(strange(answer))
      })
    })
  }

  const attach = wire.attachListeners.bind(wire)
  wire.attachListeners = (stream) =>
    attach({ on: (event, listen) => stream.on(event, event === 'data' ? guarded(listen) : listen) })

  /** `pg` throws at what it does not know, in the middle of the socket's event. */
  function guarded(listen: (data: Buffer) => void) {
    let isFirst = true
    return (data: Buffer) => {
      if (isIn) return listen(data)
      hasAnswered = true
      if (isFirst && !firstBytes.includes(data[0] ?? 0)) return end(strange(data))
      isFirst = false
      try {
        listen(data)
      } catch (error) {
        const method = data[0] === authentication && data.length >= 9 ? foreignMethods[data.readInt32BE(5)] : undefined
        if (method) refuse('method not supported', method)
        else end(error instanceof Error ? error : new Error(String(error)))
      }
    }
  }
}

/** @param answer the first that came of something that does not speak as Postgres does */
function strange(answer: Buffer): LoginRefused {
  // An alert, as the first record of TLS. https://www.rfc-editor.org/rfc/rfc8446#section-5.1
  if (answer[0] === 0x15 && answer[1] === 0x03) return new LoginRefused('TLS at once')
  const [protocol] = /^(HTTP|SSH)(?=[/-])/.exec(answer.toString('latin1')) ?? []
  return new LoginRefused('not Postgres', protocol)
}
