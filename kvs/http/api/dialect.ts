import type { Found } from '../../core/entry.ts'
import type { KvsError } from '../../core/errors.ts'
import type { Stored, TransactedEntry } from '../../kv/index.ts'
import type { RenderError, Reply, Request } from '../exchange/index.ts'

/** A path that keys are below. */
export interface KeyPlace {
  /** With the slash at its end. */
  readonly prefix: string
  readonly renderError: RenderError
}

/**
 * An HTTP API over the keys below a path. It decodes requests into commands and encodes results; key-handlers.ts runs
 * them.
 */
export interface Dialect extends KeyPlace {
  /**
   * Decodes the key that a request is for, and checks that the caller may reach it.
   * @throws KvsError bad_key, forbidden
   */
  keyOf(request: Request): string
  /**
   * Content type to store with a PUT's value; undefined for none.
   * @throws KvsError bad_request
   */
  contentTypeOf(request: Request): string | undefined
  /**
   * Decodes the body of a PUT into the value to store.
   * @throws KvsError bad_request
   */
  valueOf(body: Buffer): Buffer
  /**
   * Encodes a value for a GET; a HEAD gets the same without the body.
   * @throws KvsError value_too_large where it cannot be encoded
   */
  found(found: Found, position: string): Reply
  /** The error for a key without a value. */
  missing(): KvsError
  /** Encodes the result of a PUT. */
  stored(stored: Stored, position: string): Reply
  /**
   * Encodes the result of a DELETE.
   * @throws KvsError no_such_key where that is how the dialect tells that there was no value
   */
  deleted(stored: Stored, position: string): Reply
  /** Encodes the result of a count; undefined where the dialect has no counters. */
  readonly counted?: (entry: TransactedEntry, position: string) => Reply
}

/** Header of a value that is not in the log yet. */
export const spooled = ['KVS-Durability', 'spooled']
