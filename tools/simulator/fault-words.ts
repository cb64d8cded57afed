import { describeRingFault, isOfRing, type RingFault } from './ring/ring-schedule.ts'
import { type Fault, isOfGroup, isOfNode, isOfPath, memberName, nodeName, seconds, siteName } from './schedule.ts'

/**
 * The fault in a few words, without its time.
 * @param placeName names a log by its number
 */
export function describeFault(fault: Fault, placeName = siteName): string {
  if (isOfRing(fault)) return describeRingFault(fault, nodeName(fault.asked), memberName)
  const subject = subjectOf(fault, placeName)
  const extent = [
    ...('byMs' in fault ? [`by ${seconds(fault.byMs)} s`] : []),
    ...('entries' in fault ? [`by ${fault.entries} entries`] : []),
    ...('forMs' in fault ? [`for ${seconds(fault.forMs)} s`] : []),
    ...(isOfGroup(fault) ? [`by way of ${siteName(fault.by)}`] : []),
  ]
  return [`${subject}${fault.kind}`, ...extent].join(' ')
}

function subjectOf(fault: Exclude<Fault, RingFault>, placeName: (place: number) => string): string {
  if (isOfNode(fault)) return `${nodeName(fault.node)}: `
  if (isOfPath(fault)) return `${placeName(fault.from)} to ${placeName(fault.to)}: `
  return fault.site === undefined ? '' : `${placeName(fault.site)}: `
}
