import type { EventEmitter } from 'node:events'
import type { Duplex } from 'node:stream'
import type { Client } from 'pg'
import type { PostgresTarget } from '../../config/index.ts'

/** Why this end ended a login. */
export type LoginProblem =
  | 'no password'
  | 'method not supported'
  | 'method not allowed'
  | 'not bound to TLS'
  | 'server not proven'
  | 'not Postgres'
  | 'TLS at once'
  | 'closed without a word'

/** This end ended the connection, before the server got anything of the password that it must not have. */
export class LoginRefused extends Error {
  override readonly name = 'LoginRefused'
  readonly problem: LoginProblem
  /** What the server asked for, or answered; undefined where that is not known. */
  readonly what: string | undefined

  constructor(problem: LoginProblem, what?: string) {
    super(what === undefined ? problem : `${problem} (${what})`)
    this.problem = problem
    this.what = what
  }
}

/** The part of `pg` below its client; it has no public name. */
interface Wire extends EventEmitter {
  readonly stream: Duplex
  attachListeners(stream: { on(event: string, listen: (data: Buffer) => void): unknown }): void
}

type TlsRequest = 'none' | 'asked for' | 'direct'

interface Login {
  readonly wire: Wire
  readonly target: PostgresTarget
  readonly tls: TlsRequest
  /** The server has let the client in. */
  isIn: boolean
  hasAnswered: boolean
  /** The method that the server asked for; undefined until it did. */
  method: string | undefined
  /** The login proves that both ends see the same TLS certificate. */
  isBound: boolean
  /** The server proved that it knows the password. */
  isProven: boolean
}

/**
 * Requests of the protocol at which `pg` throws. https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
const foreignMethods: Record<number, string> = { 2: 'krb5', 6: 'scm', 7: 'gss', 9: 'sspi' }

const byte = (letter: string) => letter.charCodeAt(0)
const authentication = byte('R')
/** First bytes of the messages that may come before the login: an error, a notice, or a negotiation of the version. */
const firstBytes = [authentication, byte('E'), byte('N'), byte('v')]

/**
 * Watches how the server lets this client in, and ends the connection with a `LoginRefused` where the target forbids
 * the method that the server asks for, or `pg` does not support it. Call it before `client.connect()`.
 */
export function guardLogin(client: Client, target: PostgresTarget, tls: TlsRequest): void {
  const { connection: wire } = client as unknown as { connection: Wire }
  const nothingYet = { isIn: false, hasAnswered: false, method: undefined, isBound: false, isProven: false }
  const login: Login = { wire, target, tls, ...nothingYet }
  checkMethods(login)
  if (tls === 'asked for') checkTlsAnswer(login)
  const attach = wire.attachListeners.bind(wire)
  wire.attachListeners = (stream) =>
    attach({ on: (event, listen) => stream.on(event, event === 'data' ? guarded(login, listen) : listen) })
  wire.once('readyForQuery', () => {
    login.isIn = true
  })
  wire.once('end', () => {
    if (!login.hasAnswered && !login.isIn) wire.emit('error', new LoginRefused('closed without a word'))
  })
}

function checkMethods(login: Login): void {
  const { wire, target, tls } = login
  wire.on('authenticationCleartextPassword', () => requireMethod(login, 'password', 'the password in clear text'))
  wire.on('authenticationMD5Password', () => requireMethod(login, 'md5'))
  wire.on('authenticationSASL', ({ mechanisms }: { mechanisms: string[] }) => {
    login.isBound = tls !== 'none' && target.channelBinding !== 'disable' && mechanisms.includes('SCRAM-SHA-256-PLUS')
    requireMethod(login, mechanisms.some((name) => name.startsWith('SCRAM-')) ? 'scram-sha-256' : 'oauth')
  })
  wire.on('authenticationSASLFinal', () => {
    login.isProven = true
  })
  wire.on('authenticationOk', () => {
    if (login.method === undefined) requireMethod(login, 'none', 'nothing')
    else if (login.method === 'scram-sha-256' && !login.isProven) refuse(login, 'server not proven')
  })
}

function requireMethod(login: Login, method: string, name = method): void {
  const { target, isBound } = login
  login.method = method
  if (target.authMethods?.some((allowed) => allowed === method) === false) refuse(login, 'method not allowed', name)
  else if (target.channelBinding === 'require' && !isBound) refuse(login, 'not bound to TLS', name)
  else if (method === 'oauth') refuse(login, 'method not supported', name)
  else if (method !== 'none' && target.password === undefined) refuse(login, 'no password', name)
}

/** The answer to the request for TLS is one byte, or an error. */
function checkTlsAnswer(login: Login): void {
  const { wire } = login
  wire.once('connect', () => {
    wire.stream.prependOnceListener('data', (answer: Buffer) => {
      login.hasAnswered = true
      const isKnown = answer[0] === byte('E') || (answer.length === 1 && /[SN]/.test(answer.toString('latin1')))
      if (!isKnown) end(login, foreignServer(answer))
    })
  })
}

/**
 * Turns what `pg` throws at an unknown message, in the middle of the socket's event, into an error of the connection.
 */
function guarded(login: Login, listen: (data: Buffer) => void): (data: Buffer) => void {
  let isFirst = true
  return (data) => {
    if (login.isIn) return listen(data)
    login.hasAnswered = true
    if (isFirst && !firstBytes.includes(data[0] ?? 0)) return end(login, foreignServer(data))
    isFirst = false
    try {
      listen(data)
    } catch (error) {
      const method = data[0] === authentication && data.length >= 9 ? foreignMethods[data.readInt32BE(5)] : undefined
      if (method) refuse(login, 'method not supported', method)
      else end(login, error instanceof Error ? error : new Error(String(error)))
    }
  }
}

function refuse(login: Login, problem: LoginProblem, what?: string): void {
  end(login, new LoginRefused(problem, what))
}

/** At once: the message that lets the client in may be in the same packet. */
function end({ wire }: Login, error: Error): void {
  wire.emit('error', error)
  wire.stream.destroy()
}

/** @param answer the first bytes from a server that does not speak Postgres's protocol */
function foreignServer(answer: Buffer): LoginRefused {
  // An alert, as the first record of TLS. https://www.rfc-editor.org/rfc/rfc8446#section-5.1
  if (answer[0] === 0x15 && answer[1] === 0x03) return new LoginRefused('TLS at once')
  const [protocol] = /^(HTTP|SSH)(?=[/-])/.exec(answer.toString('latin1')) ?? []
  return new LoginRefused('not Postgres', protocol)
}
