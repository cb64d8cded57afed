export { leastGarbage, makeCollector } from './garbage-collector.ts'
export { type MemoryBudget, makeMemoryBudget, purposes, smallBytes } from './memory-budget.ts'
