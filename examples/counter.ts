import { makeClient } from '../clients/typescript/src/index.ts'

/**
 * Counts visits to pages, and keeps the length of the longest path. However many processes do so at once, no visit is
 * lost, and none is counted twice where an answer is lost on the way and the client asks again.
 */
async function main([url = '', ...pages]: string[]): Promise<void> {
  if (pages.length === 0) throw new Error('usage: node examples/counter.ts URL PAGE…')
  const client = makeClient({ url })
  for (const page of pages) {
    const visits = await client.add(`visits/${page}`)
    const longest = await client.max('longest', page.length)
    console.log(`${page}: ${visits}, longest: ${longest}`)
  }
}

await main(process.argv.slice(2))
