import type { ErrorCode } from '../../../core/errors.ts'
import { type ErrorForm, type ErrorResponses, errorResponses, errors, headerRefs } from './described-errors.ts'
import type { Part, Response } from './part.ts'

/** What the document says of a method of a path. */
export interface Description {
  /** Unique in the document. */
  readonly id: string
  readonly summary: string
  /** Names of the shared parameters that it takes. */
  readonly parameters?: readonly string[]
  readonly body?: Part
  /** What is answered where nothing is wrong, by status. */
  readonly answers: Readonly<Record<number, Answer>>
  /** Errors beside those that every request can have. */
  readonly errors?: readonly ErrorCode[]
  readonly errorForm?: ErrorForm
  /** Whether it needs no token. */
  readonly isOpen?: boolean
}

export interface Answer {
  readonly description: string
  /** Names of the shared headers that it has. */
  readonly headers?: readonly string[]
  /** By media type; undefined for an empty body. */
  readonly content?: Part
}

/** What a 202 to a write has in its headers, whichever of the two it is. */
export const acceptedHeaders = ['KVS-Position', 'KVS-Durability', 'KVS-Copies', 'ETag']

const few =
  'Committed in the log, and in fewer logs of the group than `KVS_MIN_COPIES` when it was answered: `KVS-Copies` is 1 ' +
  'or more, and the answer is that of a 200 or 201 in all else. The others get the write later, by themselves.'

/** A write that is spooled, with `KVS-Durability`; or one that is committed, and that too few logs have. */
export const accepted: Answer = {
  description: `On the node’s disk: the log is down, and gets it later by itself. ${few}`,
  headers: acceptedHeaders,
}

/** The same of a write that is never spooled. */
export const tooFewCopies: Answer = { description: few, headers: ['KVS-Position', 'KVS-Copies', 'ETag'] }

/** The object of an operation in the document. @param method in upper case */
export function operationOf(method: string, description: Description): Part {
  const { id, summary, parameters = [], body, answers, errors: own = [], errorForm = 'problem', isOpen } = description
  const hasBody = method !== 'HEAD'
  const codes = [...errors.ofAll, ...(isOpen ? [] : errors.ofCallers), ...own]
  return {
    operationId: id,
    summary,
    ...(isOpen && { security: [] }),
    ...(parameters.length > 0 && {
      parameters: parameters.map((name) => ({ $ref: `#/components/parameters/${name}` })),
    }),
    ...(body && { requestBody: body }),
    responses: responsesOf(answers, errorResponses(codes, errorForm, hasBody), hasBody),
  }
}

/** An answer may have the status of an error, as that of /readyz has. */
function responsesOf(answers: Description['answers'], errors: ErrorResponses, hasBody: boolean): Part {
  const own = Object.entries(answers).map(([status, answer]) => {
    const { description, headers, content } = answerOf(answer, hasBody)
    const error = errors[status]
    if (error === undefined) return [status, { description, headers, content }]
    const both = {
      description: `${description}\n\n${error.description}`,
      headers: { ...headers, ...error.headers },
      ...(hasBody && { content: { ...content, ...error.content } }),
    }
    return [status, both]
  })
  return { ...errors, ...Object.fromEntries(own) }
}

function answerOf({ description, headers = [], content }: Answer, hasBody: boolean): Response {
  return { description, headers: headerRefs(...headers), ...(content && hasBody && { content }) }
}
