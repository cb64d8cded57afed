import type { Node } from '../../support/node.ts'

export const httpsTo = ({ url }: Node) => `https://${new URL(url).host}`
export const put = { method: 'PUT', body: 'Test Pair 1' }

export async function plainly({ url }: Node, options: RequestInit) {
  const answer = await fetch(`${url}/v1/a`, options)
  return { status: answer.status, body: await answer.text() }
}
