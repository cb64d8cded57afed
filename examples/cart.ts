import { type Client, KvsError, makeClient, type Value } from '../clients/typescript/src/index.ts'

const text = (found: Value | undefined) => (found === undefined ? undefined : new TextDecoder().decode(found.value))

/** Puts an item into a cart, which is a list in JSON. The condition keeps two of these from losing one's item. */
export async function addToCart(client: Client, cart: string, item: string): Promise<void> {
  await untilDone(async () => {
    const found = await client.get(`carts/${cart}`)
    const items = JSON.parse(text(found) ?? '[]')
    const condition = found === undefined ? { ifNoneMatch: '*' } : { ifMatch: found.etag }
    const options = { ...condition, contentType: 'application/json', ttl: '24h' }
    await client.put(`carts/${cart}`, JSON.stringify([...items, item]), options)
  })
}

/**
 * Orders what is in a cart: takes it from the stock, writes the order and removes the cart, all or nothing.
 * @returns what became of it, in words
 */
export async function order(client: Client, cart: string): Promise<string> {
  return untilDone(async () => {
    const found = await client.get(`carts/${cart}`)
    const items: string[] = JSON.parse(text(found) ?? '[]')
    if (items.length === 0) return 'empty'
    const wanted = Map.groupBy(items, (item) => item)
    const stock = await Promise.all(
      [...wanted.keys()].map(async (item) => [item, await client.get(`stock/${item}`)] as const),
    )
    for (const [item, left] of stock) {
      if (Number(text(left) ?? 0) < (wanted.get(item) ?? []).length) return `not enough ${item}`
    }
    await client.transact({
      // Nobody has changed the cart or taken from the stock meanwhile.
      if: [
        { key: `carts/${cart}`, etag: found?.etag ?? null },
        ...stock.map(([item, left]) => ({ key: `stock/${item}`, etag: left?.etag ?? null })),
      ],
      do: [
        ...[...wanted].map(([item, { length }]) => ({ add: `stock/${item}`, by: -length })),
        { put: `orders/${cart}`, value: JSON.stringify(items), contentType: 'application/json' },
        { delete: `carts/${cart}` },
      ],
    })
    return `ordered ${items.join(', ')}`
  })
}

/** Does it again as long as somebody else was first. */
async function untilDone<T>(act: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await act()
    } catch (error) {
      if (!(error instanceof KvsError && error.code === 'condition_failed')) throw error
    }
  }
}

async function main([url = '', cart = '', ...items]: string[]): Promise<void> {
  if (cart === '') throw new Error('usage: node examples/cart.ts URL CART ITEM…')
  const client = makeClient({ url })
  for (const item of items) await addToCart(client, cart, item)
  console.log(`${cart}: ${await order(client, cart)}`)
}

if (import.meta.main) await main(process.argv.slice(2))
