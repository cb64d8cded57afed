import { createServer } from 'node:http'
import { valueHeaders } from '../../../kvs/http/exchange/index.ts'

/** Serves the answer of a GET with node:http alone, to show what Node itself takes of a request. */
const value = 'x'.repeat(100)
const headers = [
  ...['Content-Type', 'text/plain; charset=utf-8', 'Content-Length', String(value.length)],
  ...['KVS-Position', '0123abcd=1234567', 'ETag', '"0123abcd-1234567-9f86d081"'],
  ...valueHeaders,
]
createServer((_request, response) => {
  response.writeHead(200, headers)
  response.end(value, 'latin1')
}).listen(Number(process.env.PORT), '127.0.0.1')
