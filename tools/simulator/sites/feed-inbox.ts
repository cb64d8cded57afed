import type { Lane } from '../scheduler.ts'

/** What has arrived of a feed, and waits for its reader. */
export interface Inbox {
  push(piece: Buffer): void
  /** No more comes; undefined for an orderly end. */
  end(error: Error | undefined): void
  /** Resolves once the reader has taken everything. */
  empty(): Promise<void>
  /** @param onLeft called where the reader wants no more */
  read(onLeft: () => void): AsyncIterable<Buffer>
}

export function makeInbox(process: Lane): Inbox {
  const pieces: Buffer[] = []
  let end: { readonly error: Error | undefined } | undefined
  let wake = () => {}
  let taken = () => {}

  async function* read(onLeft: () => void) {
    try {
      for (;;) {
        const piece = pieces.shift()
        if (piece !== undefined) yield piece
        else if (end?.error) throw end.error
        else if (end) return
        else {
          taken()
          await new Promise<void>((resolve) => {
            wake = resolve
          })
        }
      }
    } finally {
      onLeft()
    }
  }

  return {
    push(piece) {
      pieces.push(piece)
      wake()
    },
    end(error) {
      end ??= { error }
      process.after(0, () => wake())
    },
    empty: () =>
      new Promise((resolve) => {
        if (pieces.length === 0) resolve()
        else taken = resolve
      }),
    read,
  }
}
