import { type Handle, requireAccess, transactionIn, transactionTermsOf } from '../http/api/index.ts'
import type { ReceiveBody } from '../http/exchange/index.ts'
import type { ForwardRequest } from './request-forwarding.ts'

/**
 * Makes the handler that sends transactions on. With tokens, a forwarder asks of a caller what a node would, since its
 * target may know no tokens: then it has to see the whole body, which names the keys.
 * @param receiveBody receives bodies of up to `maxTransactionBody`
 */
export function makeTransactionForwarder(forward: ForwardRequest, receiveBody: ReceiveBody): Handle {
  return (request) => {
    const { caller } = request
    if (caller === undefined) return forward(request)
    transactionTermsOf(request)
    return receiveBody(request, (body) => {
      // The target knows how large a value may be.
      requireAccess(caller, transactionIn(body, Infinity))
      return forward(request, body)
    })
  }
}
