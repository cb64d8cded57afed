/** What a node asks of the log's server, one kind for each statement. */
export type StatementKind =
  | 'connect'
  | 'register'
  | 'read-head'
  | 'holds'
  | 'load-checkpoint'
  | 'replay'
  | 'read'
  | 'ask-head'
  | 'append'
  | 'append-spooled'
  | 'append-conditional'

/** What goes between a node and the log's server as one piece. */
export interface Message {
  /**
   * `notification`: another session has appended. `end`: the server has ended the connection. Both go to the node without having been
   * asked for.
   */
  readonly kind: StatementKind | 'notification' | 'end'
  /** A request goes to the server, an answer to the node. */
  readonly leg: 'request' | 'answer'
  /** The node that it comes from or goes to. */
  readonly writerId: string
  /** The connection that it goes over; numbers count up from 1 for each node. */
  readonly connection: number
}

/** A connection as the network sees it, from its first message on. */
export interface Link {
  readonly writerId: string
  readonly connection: number
  /**
   * Breaks the connection at this moment. Where both ends see that, nothing that is under way is ever done. Where the node alone does,
   * the server still does what arrives.
   */
  reset(seenBy: 'both ends' | 'the node'): void
}

/**
 * What becomes of a message.
 * `arrives`: it is there now. A request that arrives when its node has given up on it is done all the same, as long as the server lives.
 * `lost`: it never arrives, and nobody is told; who waits for it gives up when its time is over.
 * `reset`: it never arrives, and the connection is gone for both ends at once.
 */
export type Fate = 'arrives' | 'lost' | 'reset'

/**
 * The way between nodes and the log's server, and the one place where faults of the network are made. A connection carries one
 * statement at a time, so messages of one connection do not overtake each other, notifications aside.
 */
export interface Network {
  /** Resolves when the message arrives, however much later that is, or as soon as its fate is another. Must not reject. */
  carry(message: Message): Promise<Fate>
  /** Told of each connection before its first message, so that idle ones can be broken as well. */
  opened?(link: Link): void
}

/** Everything arrives at once. */
export const calmNetwork: Network = { carry: async () => 'arrives' }
