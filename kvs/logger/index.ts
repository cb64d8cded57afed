export { makeLogger } from './logger.ts'
export type { RequestLine } from './request-line.ts'
