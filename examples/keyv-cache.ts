import Keyv from 'keyv'
import { makeClient } from '../clients/typescript/src/index.ts'
import { makeKeyvStore } from '../clients/typescript/src/keyv.ts'

/** Something that takes its time. */
async function slowSquare(number: number): Promise<number> {
  console.log(`computing ${number}`)
  await new Promise((resolve) => setTimeout(resolve, 100))
  return number * number
}

/** Shares what was computed once with every process, for a minute. */
async function main([url = '']: string[]): Promise<void> {
  const store = makeKeyvStore(makeClient({ url }), { prefix: 'cache/' })
  const cache = new Keyv<number>({ store, namespace: 'squares', ttl: 60_000 })
  cache.on('error', (error) => console.error('the cache failed:', error))

  async function square(number: number): Promise<number> {
    const known = await cache.get<number>(String(number))
    if (known !== undefined) return known
    const computed = await slowSquare(number)
    await cache.set(String(number), computed)
    return computed
  }

  for (const number of [7, 8, 7]) console.log(`${number} squared is ${await square(number)}`)
}

await main(process.argv.slice(2))
