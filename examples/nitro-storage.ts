import { createServer, type IncomingMessage } from 'node:http'
import { createStorage, prefixStorage, type Storage } from 'unstorage'
import httpDriver from 'unstorage/drivers/http'

/**
 * A server with a storage, as Nitro has one. In Nitro itself, and in Nuxt, this is the configuration
 *
 *     storage: { kvs: { driver: 'http', base: 'http://localhost:8080/v1' } }
 *
 * and what is passed to this function is `useStorage('kvs:sessions')`.
 */
function makeHandler(sessions: Storage) {
  return async ({ method, url = '' }: IncomingMessage): Promise<object> => {
    const name = decodeURIComponent(url.slice(1))
    if (name === '') return { sessions: await sessions.getKeys() }
    if (method === 'DELETE') {
      await sessions.removeItem(name)
      return { removed: name }
    }
    const session = (await sessions.getItem<{ visits: number }>(name)) ?? { visits: 0 }
    session.visits++
    await sessions.setItem(name, session, { ttl: 3_600 }) // seconds
    return session
  }
}

async function main([url = '']: string[]): Promise<void> {
  const storage = createStorage()
  storage.mount('kvs', httpDriver({ base: `${url}/v1` }))
  const handle = makeHandler(prefixStorage(storage, 'kvs:sessions'))
  const server = createServer((request, response) => {
    handle(request).then(
      (answer) => response.setHeader('Content-Type', 'application/json').end(JSON.stringify(answer)),
      (error) => response.writeHead(500).end(String(error)),
    )
  })
  server.listen(0, '127.0.0.1', () => {
    const address = server.address()
    console.log(`listening on http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`)
  })
}

await main(process.argv.slice(2))
