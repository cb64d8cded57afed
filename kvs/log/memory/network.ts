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
  | 'append-foreign'
  | 'append-ring'
  | 'append-moved'
  | 'see-ring'
  | 'read-position'
  | 'take-lead'
  | 'read-members'
  | 'read-forgotten'
  | 'read-deletes'
  | 'forget'

/** What goes between a node and the log's server in one piece. */
export interface Message {
  /**
   * `notification` tells that another session has appended; `end`, that the server has ended the connection. Both go to
   * the node unasked.
   */
  readonly kind: StatementKind | 'notification' | 'end'
  /** A request goes to the server, an answer to the node. */
  readonly leg: 'request' | 'answer'
  /** The node that it comes from or goes to. */
  readonly writerId: string
  /** The connection that it goes over; numbers count up from 1 for each log object. */
  readonly connection: number
}

/**
 * What becomes of a message. `arrives`: it is there now. `lost`: it never arrives, and nobody is told; who waits for it
 * gives up when its time is over. `reset`: it never arrives, and the connection is gone for both ends at once.
 */
export type Fate = 'arrives' | 'lost' | 'reset'

/** A connection as the network sees it. */
export interface Link {
  readonly writerId: string
  readonly connection: number
  /**
   * Breaks the connection now. Where both ends see that, nothing that is under way is done any more. Where only the
   * node does, the server still does what arrives.
   */
  reset(seenBy: 'both ends' | 'the node'): void
}

/**
 * The way between a node and the log's server: the one place where faults of the network are made, in the order and
 * at the times that an implementation chooses. A connection carries one statement at a time, so its messages do not
 * overtake each other, notifications aside; those of several connections may.
 */
export interface Network {
  /**
   * Resolves when the message arrives, however late that is, or when another fate is certain. Must not reject. A
   * request that arrives after its node gave up on it is done all the same, as long as the server's session lives.
   */
  carry(message: Message): Promise<Fate>
  /** Told of each connection before its first message, so that idle ones can be broken as well. */
  opened?(link: Link): void
}

/** Everything arrives at once. */
export const calmNetwork: Network = { carry: async () => 'arrives' }
