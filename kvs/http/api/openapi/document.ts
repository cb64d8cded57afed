import { allOperations, collectionOperations } from './collection-operations.ts'
import { courseworkOperations, valueOperations } from './key-operations.ts'
import { type Description, operationOf } from './operation-description.ts'
import { pageOperations } from './page-operations.ts'
import type { Part } from './part.ts'
import { membersOperations, payloadOperations, searchOperations } from './payload-operations.ts'
import { ringOperations } from './ring-operations.ts'
import { components } from './shared-parts.ts'
import { count, transaction } from './transaction-operations.ts'

/** What there is, by path and method. The paths are templates of OpenAPI's. */
const paths: Readonly<Record<string, Readonly<Record<string, Description>>>> = {
  '/v1/{key}': { ...valueOperations, POST: count },
  '/v1/{prefix}:': collectionOperations,
  // The prefix is empty, which a parameter in a path may not be.
  '/v1/:': { ...allOperations, POST: transaction },
  '/kvs/{key}': courseworkOperations,
  '/keyValue-store/{key}': payloadOperations,
  '/keyValue-store/search/{key}': searchOperations,
  '/view': membersOperations,
  ...ringOperations,
  ...pageOperations,
}

/**
 * Makes the description of the service in OpenAPI 3.1. It is the same on every node, and tells nothing of it. Tests
 * hold it to the route table, to the catalogue of errors, and to what the service answers.
 */
export function makeOpenApiDocument(): Part {
  return {
    openapi: '3.1.1',
    info: {
      title: 'kvs',
      version: '1',
      summary: 'A key-value store over a Postgres transaction log.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{}, { token: [] }],
    paths: Object.fromEntries(Object.entries(paths).map(([path, operations]) => [path, pathOf(operations)])),
    components,
  }
}

function pathOf(operations: Readonly<Record<string, Description>>): Part {
  return Object.fromEntries(
    Object.entries(operations).map(([method, description]) => [method.toLowerCase(), operationOf(method, description)]),
  )
}
