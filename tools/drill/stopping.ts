import { statusOf } from '../lab/readiness.ts'

/** Exit code of a process that SIGTERM has ended: 128 + 15. */
const endedBySigterm = 143

/**
 * Tells a node to stop, and returns the sentence of a violation; undefined where there is none. One that answers
 * requests ends by itself, with 0. One that was started just now may still be loading its program: until that takes
 * signals, SIGTERM itself ends it, before it has opened anything.
 * @param stop sends SIGTERM, and resolves with the exit code
 */
export async function stopNode(
  { name, url }: { readonly name: string; readonly url: string },
  stop: () => Promise<number>,
): Promise<string | undefined> {
  const wasAnswering = (await statusOf(url)) !== undefined
  const code = await stop()
  if (code === 0 || (code === endedBySigterm && !wasAnswering)) return undefined
  return `${name} ended with ${code} when it was told to stop${wasAnswering ? '' : ', and did not answer before that'}`
}
