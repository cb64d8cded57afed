export { makeCollector, minGarbageBytes } from './garbage-collector.ts'
export { type MemoryBudget, makeMemoryBudget, purposes, smallBytes } from './memory-budget.ts'
