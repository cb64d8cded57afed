export { type Cleared, type Client, makeClient } from './client.ts'
export { type ErrorCode, type FailedCondition, KvsError } from './errors.ts'
export type { ListedValue, Listing, ListOptions, Page, PageOptions } from './lists.ts'
export type {
  CallOptions,
  ClientOptions,
  OnceOptions,
  PutOptions,
  ReadOptions,
  RepeatOptions,
  WriteOptions,
} from './options.ts'
export type { RetryOptions } from './retries.ts'
export type {
  Committed,
  Condition,
  CountOperation,
  DeleteOperation,
  Operation,
  OperationResult,
  PutOperation,
  Transaction,
} from './transactions.ts'
export type { Lifetime, Meta, Value, Written } from './values.ts'
