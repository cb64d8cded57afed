import type { Clock } from './clock.ts'

/**
 * Handles all that arrives in one turn of the event loop at its end, in its order. With requests, the replies to many
 * connections so leave one right after the other, and a client on this machine is woken once, not for each: a GET at
 * 32 connections takes 0.6 times the CPU time, a PUT 0.85 times. A lone connection pays about 4 % for it.
 */
export function batchByTurn<Item>(handle: (item: Item) => void, { soon }: Pick<Clock, 'soon'>): (item: Item) => void {
  let arrived: Item[] = []

  function handleAll(): void {
    const items = arrived
    arrived = []
    for (const item of items) handle(item)
  }

  return (item) => {
    if (arrived.push(item) === 1) soon(handleAll)
  }
}
