import type { Answer, Description } from './operation-description.ts'
import type { Part } from './part.ts'
import { siteOperations } from './site-operations.ts'

const json = (schema: string): Part => ({ 'application/json': { schema: { $ref: `#/components/schemas/${schema}` } } })
const text: Part = { 'text/plain': { schema: { type: 'string' } } }
const textOrHtml: Part = { ...text, 'text/html': { schema: { type: 'string' } } }

/** A page that is read with GET and HEAD. @param name of its operations */
function page(name: string, summary: string, answers: Record<number, Answer>, isOpen = true) {
  return {
    GET: { id: `get${name}`, summary, answers, isOpen },
    HEAD: { id: `head${name}`, summary: `The headers of: ${summary}`, answers, isOpen },
  } satisfies Record<string, Description>
}

const ready = (name: string) =>
  page(name, 'Whether the node serves, and why not', {
    200: { description: 'It serves.', headers: ['KVS-Position'], content: json('Status') },
    503: { description: 'It does not.', headers: ['KVS-Position', 'Retry-After'], content: json('Status') },
  })

/** Of the pages, by path and method. */
export const pageOperations: Readonly<Record<string, Readonly<Record<string, Description>>>> = {
  '/': page('FrontPage', 'What the service answers to', { 200: { description: 'The page.', content: textOrHtml } }),
  '/openapi.json': page('OpenApi', 'This document', {
    200: { description: 'The document.', content: { 'application/json': { schema: { type: 'object' } } } },
  }),
  '/livez': page('Liveness', 'Whether the process runs', {
    200: { description: 'It does.', headers: ['KVS-Position'], content: json('Live') },
  }),
  '/readyz': ready('Readiness'),
  '/healthz': ready('Health'),
  '/metrics': page(
    'Metrics',
    'What is measured, in Prometheus’s text format',
    { 200: { description: 'The metrics.', content: text } },
    false,
  ),
  ...siteOperations,
}
