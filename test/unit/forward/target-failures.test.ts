import { expect, test } from 'vitest'
import { explain, Late } from '../../../kvs/forward/target-failures.ts'

const coded = (code: string, message = 'raw text') => Object.assign(new Error(message), { code })

test.each<[Error, string]>([
  [coded('ECONNREFUSED'), 'nothing listens at kvs:8080: is the node running there?'],
  [new AggregateError([coded('ECONNREFUSED'), coded('ECONNREFUSED')]), 'nothing listens at kvs:8080'],
  [coded('ENOTFOUND'), 'the host name in kvs:8080 is not known'],
  [coded('EAI_AGAIN'), 'can’t be looked up now'],
  [coded('EHOSTUNREACH'), 'kvs:8080 can’t be reached'],
  [coded('UND_ERR_CONNECT_TIMEOUT'), 'kvs:8080 takes no connection'],
  [coded('UND_ERR_SOCKET', 'other side closed'), 'the connection to kvs:8080 broke off before its answer was there'],
  [coded('UND_ERR_BODY_TIMEOUT'), 'the rest of the answer of kvs:8080 does not come'],
  [coded('HPE_INVALID_CONSTANT', 'not HTTP'), 'kvs:8080: not HTTP (HPE_INVALID_CONSTANT)'],
  [new Late('no answer within 15000 ms'), 'kvs:8080: no answer within 15000 ms'],
])('%o is told as %s', (error, sentence) => {
  expect(explain(error, 'kvs:8080')).toContain(sentence)
})
