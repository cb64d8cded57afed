import { feedType } from '../../../kv/index.ts'
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

/** What a feed takes, by the name that a reference to it has. */
export const feedFlags = {
  FeedSite: flag('site', 'The log that asks. Entries that were first written there are left out.', 'c18e0369', true),
  FeedHave: flag('have', 'What that log has of each log. Entries that it has are left out.', '7d1f22a0=12'),
  FeedStamps: flag('stamps', 'Stamp of the last entry that it has of each log.', '7d1f22a0=1796000000000000'),
  FeedAfter: flag('after', 'Where an earlier answer of this log had got to.', '7d1f22a0=15'),
} as const

/** GET of a node's log for another site. */
export const feedOperation: Description = {
  id: 'followLog',
  summary: 'The entries of the log for another site, on and on; 404 where the log is no site',
  parameters: Object.keys(feedFlags),
  answers: {
    200: {
      description: 'Entries in the order of the log, in a format that is for nodes of this service alone.',
      headers: ['KVS-Position'],
      content: { [feedType]: { schema: { type: 'string', format: 'binary' } } },
    },
  },
  errors: errors.ofFeeds,
}
