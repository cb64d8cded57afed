import { KvsError } from '../../../core/errors.ts'
import { type RingService, removeLostPath } from '../../../kv/index.ts'
import { isAddress } from '../../../lib/addresses.ts'
import type { Handle } from '../route.ts'
import { type Form, type ReceiveForm, textIn } from '../sites/form-body.ts'
import { requireNoTerms } from '../sites/members-handlers.ts'
import { quoted } from '../transactions/strict-json.ts'
import { awaitChange } from './awaited-change.ts'
import { stateReply } from './ring-handlers.ts'

const example = 'address=10.0.0.2:5000, or several of them with commas between'

/**
 * Makes the handler that takes members out of the ring whose logs are lost, as a form names them. It answers with what
 * this member then knows.
 */
export function makeRemovalHandler(ring: RingService, receiveForm: ReceiveForm): Handle {
  return (request) => {
    requireNoTerms(request, removeLostPath)
    return receiveForm(request, ['address', 'confirm'], async (form) => {
      const addresses = addressesOf(form)
      const confirmed = confirmedIn(form)
      await awaitChange(request, () => ring.removeLost(addresses, confirmed))
      return stateReply(ring)
    })
  }
}

/** @throws KvsError bad_request */
function addressesOf(form: Form): readonly string[] {
  const text = textIn(form, 'address')
  if (text === undefined) throw bad(`the address is missing of the member that is lost: send ${example}`)
  const addresses = text.split(',')
  const wrong = addresses.find((address) => !isAddress(address))
  if (wrong !== undefined) throw bad(`the address is ${quoted(wrong)}, and is to be IP:PORT: send ${example}`)
  return addresses
}

/** @throws KvsError bad_request */
function confirmedIn(form: Form): number | undefined {
  const text = textIn(form, 'confirm')
  if (text === undefined) return undefined
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text)
  throw bad(`confirm is ${quoted(text)}, and is to be a version of the ring: without it, the answer tells which`)
}

const bad = (message: string) => new KvsError('bad_request', `${message}; nothing was changed`)
