import { createServer } from 'node:http'
import { startProxy } from './proxy.ts'

// The proxy as a program: conditions are PUT as JSON, POST resets the connections that there are.
const [, , upstream = 'postgres:5432', controlPort = '8000'] = process.argv
const [host = '', port = ''] = upstream.split(':')
const proxy = await startProxy({ host: '0.0.0.0', port: Number(port) }, { host, port: Number(port) })

createServer(async (request, response) => {
  if (request.method === 'POST') proxy.reset()
  if (request.method === 'PUT') proxy.set(JSON.parse(Buffer.concat(await request.toArray()).toString()))
  response.end()
}).listen(Number(controlPort))

process.on('SIGTERM', () => process.exit())
