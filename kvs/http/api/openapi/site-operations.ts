import {
  copiesPath,
  digestsPath,
  digestsType,
  feedPath,
  feedType,
  positionPath,
  rejoinPath,
} from '../../../kv/index.ts'
import { errors } from './described-errors.ts'
import type { Description } from './operation-description.ts'

function flag(name: string, description: string, example: string, required = false) {
  return {
    name,
    in: 'query',
    ...(required && { required }),
    description,
    schema: { type: 'string', examples: [example] },
  }
}

/** What the pages for other sites take, by the names that references to them have. */
export const siteFlags = {
  FeedSite: flag('site', 'The log that asks. Entries that were first written there are left out.', 'c18e0369', true),
  FeedHave: flag('have', 'What that log has of each log. Entries that it has are left out.', '7d1f22a0=12'),
  FeedStamps: flag('stamps', 'Stamp of the last entry that it has of each log.', '7d1f22a0=1796000000000000'),
  FeedAfter: flag('after', 'Where an earlier answer of this log had got to.', '7d1f22a0=15'),
  SiteSeen: flag('seen', 'A position that the node is to have before it answers.', '7d1f22a0=12'),
  CopyLog: flag('log', 'The log that asks.', 'c18e0369', true),
  CopySequence: flag('sequence', 'Through which of its own entries it asks for a copy.', '12', true),
  SiteStamp: flag('stamp', 'Stamp of the entry that made the site a member.', '1796000000000000', true),
  SiteOrigin: flag('origin', 'The log that this entry was first written in.', 'c18e0369', true),
} as const

const followLog: Description = {
  id: 'followLog',
  summary: 'The entries of the log for another site, on and on; 404 where the log is no site',
  parameters: ['FeedSite', 'FeedHave', 'FeedStamps', 'FeedAfter'],
  answers: {
    200: {
      description: 'Entries in the order of the log, in a format that is for nodes of this service alone.',
      headers: ['KVS-Position'],
      content: { [feedType]: { schema: { type: 'string', format: 'binary' } } },
    },
  },
  errors: errors.ofFeeds,
}

const text = { 'text/plain': { schema: { type: 'string' } } }

const askPosition: Description = {
  id: 'sitePosition',
  summary: 'The position of the node for another site; 404 where the log is no site',
  parameters: ['SiteSeen'],
  answers: { 200: { description: 'The position, as in KVS-Position.', headers: ['KVS-Position'], content: text } },
  errors: errors.ofSitePositions,
}

const askCopy: Description = {
  id: 'siteCopies',
  summary: 'How far this log has the entries of another one, once that is as far as asked; 404 where it is no site',
  parameters: ['CopyLog', 'CopySequence'],
  answers: {
    200: {
      description:
        'The id of this log, and the last of the other log’s own entries through which it has all of them. Its stamp ' +
        'is null where this node does not know it.',
      headers: ['KVS-Position'],
      content: {
        'application/json': {
          schema: {
            type: 'object',
            required: ['log', 'sequence', 'stamp'],
            properties: {
              log: { type: 'string' },
              sequence: { type: 'string', pattern: '^[0-9]{1,19}$' },
              stamp: { type: ['integer', 'null'], minimum: 0 },
            },
          },
        },
      },
    },
  },
  errors: errors.ofSiteCopies,
}

const rejoin: Description = {
  id: 'rejoinGroup',
  summary: 'Tells a site that was taken out of its group that it is a member again; 404 where the log is no site',
  parameters: ['SiteStamp', 'SiteOrigin'],
  answers: { 200: { description: 'It knows.', headers: ['KVS-Position'], content: text } },
  errors: errors.ofRejoining,
}

const digests = { [digestsType]: { schema: { type: 'string' } } }

const readDigests: Description = {
  id: 'siteDigests',
  summary: 'Digests of the node’s values for another site; 404 where the log is no site',
  parameters: ['SiteSeen'],
  answers: {
    200: {
      description: '1,024 lines of 16 hexadecimal digits, perhaps after empty lines; or `error: …`.',
      content: digests,
    },
  },
  errors: errors.ofDigests,
}

const compareValues: Description = {
  id: 'compareSites',
  summary: 'Which values of another site this one has otherwise; 404 where the log is no site',
  parameters: ['SiteSeen'],
  body: {
    description: 'At most 500 lines `STAMP ORIGIN CHECKSUM KEY`, with the key in base64url, each key once.',
    content: { 'text/plain': { schema: { type: 'string' } } },
  },
  answers: { 200: { description: 'The position, and a line with the indices of the lines.', content: digests } },
  errors: [...errors.ofDigests, 'value_too_large', 'overloaded'],
}

/** Of the pages for other sites, by path and method. */
export const siteOperations: Readonly<Record<string, Readonly<Record<string, Description>>>> = {
  [feedPath]: { GET: followLog },
  [positionPath]: { GET: askPosition },
  [copiesPath]: { GET: askCopy },
  [rejoinPath]: { POST: rejoin },
  [digestsPath]: { GET: readDigests, POST: compareValues },
}
