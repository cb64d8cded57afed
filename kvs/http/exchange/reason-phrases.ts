import { STATUS_CODES } from 'node:http'

/** Reason phrase of each status that HTTP knows. */
export const reasonPhrases: Readonly<Record<number, string | undefined>> = STATUS_CODES
