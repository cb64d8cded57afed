import { KvsError } from '../../../core/errors.ts'
import type { Members } from '../../../kv/index.ts'
import { isAddress } from '../../../lib/addresses.ts'
import { jsonReply, type Reply, type Request } from '../../exchange/index.ts'
import type { Handle, Route } from '../route.ts'
import { quoted } from '../transactions/strict-json.ts'
import { termsOf } from '../write-command.ts'
import { type Form, type ReceiveForm, textIn } from './form-body.ts'
import { renderAsResult } from './payload-answers.ts'

export const membersPath = '/view'

/** The route of the sites of the group. @param methods handlers by method */
export function membersRoute(methods: Readonly<Record<string, Handle>>): Route {
  const rights = { GET: 'admin', HEAD: 'admin', PUT: 'admin', DELETE: 'admin' } as const
  return { methods, rights, renderError: renderAsResult }
}

/** Makes the handlers of /view, by method. Without members there is no such page. */
export function makeMembersHandlers(
  members: Members | undefined,
  receiveForm: ReceiveForm,
): Readonly<Record<string, Handle>> {
  /** Receives the address that a request is about, and answers with what `change` makes of it. */
  const changing =
    (change: (members: Members, address: string) => Promise<Reply>): Handle =>
    (request) => {
      const known = required(members)
      requireNoTerms(request)
      return receiveForm(request, ['ip_port'], (form) => change(known, addressIn(form)))
    }

  const get: Handle = (request) => {
    const known = required(members)
    return receiveForm(request, [], async () => jsonReply(200, { view: known.list().toSorted().join(',') }))
  }
  return { GET: get, HEAD: get, PUT: changing(add), DELETE: changing(remove) }
}

/** @throws KvsError no_such_page */
function required(members: Members | undefined): Members {
  if (members !== undefined) return members
  throw new KvsError('no_such_page', 'this node is in no group of sites: neither KVS_PEERS nor VIEW is set')
}

async function add(members: Members, address: string): Promise<Reply> {
  const outcome = await members.add(address)
  return outcome === 'added'
    ? success(`Successfully added ${address} to view`)
    : failure(`${address} is already in view`)
}

async function remove(members: Members, address: string): Promise<Reply> {
  const outcome = await members.remove(address)
  return outcome === 'removed'
    ? success(`Successfully removed ${address} from view`)
    : failure(`${address} is not in current view`)
}

const success = (msg: string) => jsonReply(200, { result: 'Success', msg })
const failure = (msg: string) => jsonReply(404, { result: 'Error', msg })

/** @throws KvsError bad_request */
function addressIn(form: Form): string {
  const address = textIn(form, 'ip_port')
  if (address === undefined) throw bad('the address of a site is missing: send ip_port=HOST:PORT')
  if (isAddress(address)) return address
  throw bad(`ip_port is ${quoted(address)}, and is to be HOST:PORT, such as 10.0.0.2:8080`)
}

/** @throws KvsError bad_request */
export function requireNoTerms(request: Request, path = membersPath): void {
  const { precondition, idempotencyKey, lifetime, minPosition } = termsOf(request)
  const hasNone = [precondition, idempotencyKey, lifetime, minPosition].every((term) => term === undefined)
  if (!hasNone) throw bad(`${path} takes no conditions, lifetimes, positions or Idempotency-Key`)
}

const bad = (message: string) => new KvsError('bad_request', `${message}; nothing was done`)
